/**
 * Sends the page's form at once. Its button stays for browsers without scripts, and for a second try.
 */
document.querySelector("form[data-autosubmit]")?.submit();
