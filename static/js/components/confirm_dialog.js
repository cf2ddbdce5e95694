/**
 * `<form data-confirm="#dialog">` and `<a data-dialog="#dialog">` open that dialog, which has the same form, before
 * anything is sent. Without this script the form is sent at once, and the link leads to a page that asks.
 */
document.addEventListener("submit", (event) => {
  const dialog = event.target.dataset.confirm;
  if (dialog) open(event, dialog);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  const opensNewTab = event.ctrlKey || event.metaKey || event.shiftKey;
  if (link && !opensNewTab) open(event, link.dataset.dialog);
});

function open(event, selector) {
  const dialog = document.querySelector(selector);
  // Safari before 15.4 has no dialogs.
  if (!dialog.showModal) return;
  event.preventDefault();
  dialog.showModal();
}
