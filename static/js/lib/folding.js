/**
 * `<details id data-folds>` beside or below the main part of a page: open in a wide window, closed in a narrow one. When a
 * part of the page is replaced, what the user opened or closed stays so.
 */
const narrow = matchMedia("(max-width: 860px)");

/** @param {Document|HTMLElement} root the page, or a part that is about to replace one of the page */
export function fold(root) {
  for (const details of root.querySelectorAll("details[data-folds]")) {
    const shown = document.getElementById(details.id);
    const isWanted = !narrow.matches || location.hash === `#${details.id}`;
    details.open = shown && shown !== details ? shown.open : isWanted;
  }
}
