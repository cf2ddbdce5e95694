/**
 * The keys of the list of students. It is one stop of the Tab key; the arrow keys, Home, End, Page up and Page down
 * move through the rows that are shown. From the search field, the arrow down leads into the list, and Enter opens the
 * first row.
 */
const PAGE = 10;

export function rowKeys(list, field) {
  const links = () => [...list.querySelectorAll("tr:not([hidden]) .mark-link")];
  const MOVES = {
    ArrowDown: (place) => place + 1,
    ArrowUp: (place) => place - 1,
    PageDown: (place) => place + PAGE,
    PageUp: (place) => place - PAGE,
    Home: () => 0,
    End: () => Infinity,
  };
  document.getElementById("list-keys").hidden = false;
  for (const link of list.querySelectorAll(".mark-link")) link.tabIndex = -1;
  stopAt(links()[0]);

  list.addEventListener("focusin", (event) => {
    const link = event.target.closest(".mark-link");
    if (link) stopAt(link);
  });

  list.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const shown = links();
    const place = shown.indexOf(event.target.closest("tr")?.querySelector(".mark-link"));
    const next = move(place);
    if (next < 0 && event.key === "ArrowUp") field.focus();
    else shown[Math.min(Math.max(next, 0), shown.length - 1)]?.focus();
  });

  field.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    const first = links()[0];
    if (event.key === "Enter") first?.click();
    else first?.focus();
  });

  // What the search hides must not be the one stop of the Tab key.
  field.addEventListener("blur", () => {
    const stop = list.querySelector('.mark-link[tabindex="0"]');
    if (!stop || stop.closest("tr").hidden) stopAt(links()[0]);
  });

  function stopAt(link) {
    if (!link) return;
    for (const other of list.querySelectorAll('.mark-link[tabindex="0"]')) other.tabIndex = -1;
    link.tabIndex = 0;
  }
}
