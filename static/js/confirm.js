/**
 * `<form data-confirm="#dialog">` and `<a data-dialog="#dialog">` ask in that dialog, which has the same form, before
 * anything is sent. Without this script the form is sent at once, and the link leads to a page that asks.
 */
document.addEventListener("submit", (event) => {
  const asks = event.target.dataset.confirm;
  if (asks) open(event, asks);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
  if (link && !opensElsewhere) open(event, link.dataset.dialog);
});

function open(event, name) {
  event.preventDefault();
  document.querySelector(name).showModal();
}
