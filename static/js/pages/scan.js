/** The page that a scanned code opens: submits its form at once. The button remains for a second try. */
document.querySelector("form[data-autosubmit]")?.submit();
