/** A button in each password field that shows what was typed. Sending the form hides it, so that no browser keeps it as text. */

/** @param {ParentNode} root */
export function offerToShowPasswords(root = document) {
  for (const button of root.querySelectorAll("[data-show-password]")) attach(button);
}

function attach(button) {
  const field = document.getElementById(button.dataset.showPassword);
  const status = button.parentElement.querySelector("[role=status]");
  const turn = (type) => {
    if (field.type === type) return;
    field.type = type;
    status.textContent = status.dataset[type];
    for (const label of button.children) label.hidden = label.dataset.when !== type;
  };
  button.addEventListener("click", () => turn(field.type === "password" ? "text" : "password"));
  field.form.addEventListener("submit", () => turn("password"));
  button.hidden = false;
}
