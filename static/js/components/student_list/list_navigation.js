/**
 * Keyboard navigation for the list of students. The list is a single tab stop. The arrow keys, Home, End, Page Up and
 * Page Down move through the visible rows. From the search field, the down arrow enters the list and Enter opens the
 * student who matches best.
 */
const PAGE_ROWS = 10;

/**
 * @param {HTMLElement} list the table's body
 * @param {{field: HTMLInputElement, bestMatch: () => HTMLElement|null}} filter
 */
export function listNavigation(list, { field, bestMatch }) {
  const links = () => [...list.querySelectorAll("tr:not([hidden]) .mark-link")];
  const MOVES = {
    ArrowDown: (index) => index + 1,
    ArrowUp: (index) => index - 1,
    PageDown: (index) => index + PAGE_ROWS,
    PageUp: (index) => index - PAGE_ROWS,
    Home: () => 0,
    End: () => Infinity,
  };
  document.getElementById("list-keys").hidden = false;
  for (const link of list.querySelectorAll(".mark-link")) link.tabIndex = -1;
  setTabStop(links()[0]);

  list.addEventListener("focusin", (event) => {
    const link = event.target.closest(".mark-link");
    if (link) setTabStop(link);
  });

  list.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const shown = links();
    const index = shown.indexOf(event.target.closest("tr")?.querySelector(".mark-link"));
    const next = move(index);
    if (next < 0 && event.key === "ArrowUp") field.focus();
    else shown[Math.min(Math.max(next, 0), shown.length - 1)]?.focus();
  });

  field.addEventListener("keydown", (event) => {
    // While composing, Enter chooses a word of the keyboard.
    if ((event.key !== "ArrowDown" && event.key !== "Enter") || event.isComposing) return;
    event.preventDefault();
    if (event.key === "ArrowDown") links()[0]?.focus();
    else if (!event.repeat) bestMatch()?.querySelector(".mark-link").click();
  });

  // After a mark the next number replaces the last one.
  field.addEventListener("focus", () => field.select());

  // A row hidden by the search must not be the tab stop.
  field.addEventListener("blur", () => {
    const stop = list.querySelector('.mark-link[tabindex="0"]');
    if (!stop || stop.closest("tr").hidden) setTabStop(links()[0]);
  });

  function setTabStop(link) {
    if (!link) return;
    for (const other of list.querySelectorAll('.mark-link[tabindex="0"]')) other.tabIndex = -1;
    link.tabIndex = 0;
  }
}
