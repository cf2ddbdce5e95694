/**
 * A button that copies the text of a field, on browsers that let a page copy: not on plain http. The field can be copied
 * by hand everywhere.
 */
const button = document.querySelector("[data-copy]");
const field = document.querySelector("[data-copy-from]");

field.addEventListener("focus", () => field.select());
if (navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", copy);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.copied;
  } catch {
    field.focus();
  }
}
