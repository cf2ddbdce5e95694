/** Changes an element's text only where it differs: a selection in it stays, and nothing is painted anew. */
export function setText(element, text) {
  const wanted = String(text ?? "");
  if (element && element.textContent !== wanted) element.textContent = wanted;
}
