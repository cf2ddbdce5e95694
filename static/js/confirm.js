/**
 * `<form data-confirm="#dialog">` asks in that dialog, which has the same form, before it sends.
 * Without this script the form is sent at once.
 */
for (const form of document.querySelectorAll("form[data-confirm]")) {
  const dialog = document.querySelector(form.dataset.confirm);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.showModal();
  });
}
