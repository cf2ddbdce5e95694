/**
 * Search fields that hide what does not match while one types:
 * `<input type="search" data-filter="#list" data-none="#nothing-found" hidden>` beside lists whose items have
 * their words in `data-item`. The text stays when the page is loaded again.
 */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

for (const field of document.querySelectorAll("[data-filter]")) {
  const list = document.querySelector(field.dataset.filter);
  const none = document.querySelector(field.dataset.none);
  const kept = `filter:${location.pathname}`;

  const filter = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of list.querySelectorAll("[data-item]")) {
      const text = plain(item.dataset.item);
      item.hidden = !words.every((word) => text.includes(word));
      if (!item.hidden) shown += 1;
    }
    none.hidden = shown > 0;
    sessionStorage.setItem(kept, field.value);
  };

  field.hidden = false;
  field.value = sessionStorage.getItem(kept) ?? "";
  if (field.value) filter();
  field.addEventListener("input", filter);
}
