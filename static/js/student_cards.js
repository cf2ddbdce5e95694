/**
 * The cards of the student's page: one for each session. Each state of a session is a <template> of the page, and
 * this fills in names, times and numbers.
 */

/** The one thing to say of a session; decided as in qrsessions/views/student.py. */
export function stateOf(session) {
  if (session.mark) return session.mark;
  if (session.can_scan) return "scan";
  if (session.can_join) return session.choices.length > 0 ? "choose" : "join";
  if (session.joined_at) return "waiting";
  return session.status === "active" ? "not_joined" : "locked";
}

/**
 * Shows the sessions, each in its card. A card whose state stands is only filled anew, so that nothing that is being
 * typed is lost, and no camera closes.
 *
 * @param {HTMLElement} page the element with `data-student`
 * @returns {string[]} the ids of the sessions that were shown and are no longer open
 */
export function show(page, sessions) {
  const cards = page.querySelector("[data-cards]");
  const shown = new Map([...cards.children].map((card) => [card.dataset.session, card]));
  const hadFocus = cards.contains(document.activeElement);
  let changed = null;
  sessions.forEach((session, position) => {
    const state = stateOf(session);
    let card = shown.get(session.id);
    if (card?.dataset.state !== state) {
      const old = card;
      card = newCard(state, session.id);
      old?.remove();
      changed = card;
    }
    showChoices(card, session.choices);
    fill(card, textsOf(session));
    if (cards.children[position] !== card) cards.insertBefore(card, cards.children[position] ?? null);
    shown.delete(session.id);
  });
  const over = [...shown.values()].filter((card) => card.dataset.state !== "ended");
  for (const card of over) card.remove();
  // What became of a session that is over gives way to the next one.
  if (sessions.length > 0) for (const card of shown.values()) card.remove();

  const empty = page.querySelector("[data-empty]");
  const isEmpty = cards.children.length === 0;
  if (isEmpty && empty.hidden) changed = empty;
  empty.hidden = !isEmpty;
  page.querySelector("[data-database]").hidden = !sessions.some((session) => session.stats.source === "database");
  if (changed) announce(page, changed, hadFocus);
  return over.map((card) => card.dataset.session);
}

/** What became of sessions that ended: a card for the last one, and a line each in the list of today's. */
export function showEnded(page, ended, sections) {
  const cards = page.querySelector("[data-cards]");
  const list = page.querySelector("[data-earlier-list]");
  for (const section of sections) {
    for (const meeting of section.meetings.filter((one) => ended.includes(one.session))) {
      const texts = { course: section.course, section: section.name, time: clock(meeting.marked_at) };
      const template = document.querySelector(`template[data-earlier-row="${meeting.status}"]`);
      if (!template) continue;
      const row = template.content.firstElementChild.cloneNode(true);
      fill(row, { ...texts, time: texts.time.slice(0, 5) });
      list.prepend(row);
      page.querySelector("[data-earlier]").hidden = false;
      if (cards.children.length > 0) continue;
      const card = newCard("ended", meeting.session);
      fill(card, texts);
      for (const words of card.querySelectorAll("[data-outcome]")) {
        words.hidden = words.dataset.outcome !== meeting.status;
      }
      cards.replaceChildren(card);
      page.querySelector("[data-empty]").hidden = true;
      announce(page, card, false);
    }
  }
}

/** Times come in the institution's own zone, which the phone's need not be. */
export function clock(moment) {
  return moment ? moment.slice(11, 19) : "";
}

/** A moment of this phone, by its own clock. */
export const ownClock = (milliseconds) => new Date(milliseconds).toTimeString().slice(0, 8);

function newCard(state, id) {
  const card = document.querySelector(`template[data-state="${state}"]`).content.firstElementChild.cloneNode(true);
  card.dataset.session = id;
  for (const label of card.querySelectorAll("[data-for]")) label.htmlFor = `${label.dataset.for}-${id}`;
  for (const field of card.querySelectorAll("[data-id]")) field.id = `${field.dataset.id}-${id}`;
  return card;
}

/** A button for each section that can be chosen. */
function showChoices(card, choices) {
  const list = card.querySelector("[data-choices]");
  if (!list) return;
  const wanted = choices.map((choice) => String(choice.section));
  const shown = [...list.children].map((button) => button.value);
  if (wanted.join() === shown.join()) return;
  const blank = card.querySelector("[data-choice]").content.firstElementChild;
  list.replaceChildren(
    ...choices.map((choice) => {
      const button = blank.cloneNode(true);
      button.value = choice.section;
      button.querySelector("[data-text=course]").textContent = choice.course;
      button.querySelector("[data-text=section]").textContent = choice.name;
      return button;
    }),
  );
}

function textsOf(session) {
  const { total_joined: joined, total_present: present, total_students: total } = session.stats;
  const { section_name: section, course_title: title } = session;
  const late = clock(session.late_from).slice(0, 5);
  return { ...session, section, title, joined, present, total, late, time: clock(session.marked_at) };
}

export function fill(card, texts) {
  for (const slot of card.querySelectorAll("[data-text]")) {
    if (slot.closest("[data-choices]")) continue;
    const text = String(texts[slot.dataset.text] ?? "");
    if (slot.textContent !== text) slot.textContent = text;
  }
  for (const form of card.querySelectorAll("[data-code-form]")) form.hidden = texts.code_enabled === false;
  for (const rule of card.querySelectorAll("[data-late]")) rule.hidden = !texts.late;
  for (const field of card.querySelectorAll("[data-value]")) field.value = texts[field.dataset.value] ?? "";
  for (const bar of card.querySelectorAll("[data-bar]")) {
    bar.setAttribute("viewBox", `0 0 ${texts.total || 1} 10`);
    bar.querySelector(".joined").setAttribute("width", texts.joined);
    bar.querySelector(".present").setAttribute("width", texts.present);
  }
}

/** Says a new state to who can't see it, and keeps the focus where the change is. */
function announce(page, card, hadFocus) {
  const heading = card.querySelector("h2");
  page.querySelector("[data-announce]").textContent = heading.textContent;
  if (hadFocus) heading.focus();
}
