/**
 * The list to print: a button that opens the browser's print dialog.
 */
const button = document.querySelector("[data-print]");

button.hidden = false;
button.addEventListener("click", () => window.print());
