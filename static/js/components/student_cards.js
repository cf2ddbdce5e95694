/**
 * The cards of the student's page, one per session. The page has a <template> for each state; this fills in names, times
 * and counts.
 */

/** The state of a session's card. qrsessions/views/student_home.py decides in the same order. */
export function stateOf(session) {
  if (session.mark) return session.mark;
  if (session.can_scan) return "scan";
  if (session.can_join) return session.choices.length > 0 ? "choose" : "join";
  if (session.joined_at) return "waiting";
  return session.status === "active" ? "not_joined" : "locked";
}

// The other states are marks.
const UNMARKED = new Set(["scan", "choose", "join", "waiting", "not_joined", "locked", "ended", "none"]);

/** Whether a card's state says that the student has a mark. */
export const isMark = (state) => !UNMARKED.has(state);

/** @returns {string} the state of the card of a scanned code's session or group; "none" if the page has none */
export function stateOfCode(page, token) {
  const id = token.slice(0, 8);
  const cards = [...page.querySelector("[data-cards]").children];
  return cards.find((card) => card.dataset.session === id || card.dataset.group === id)?.dataset.state ?? "none";
}

/** @returns {string} the states of all cards, for comparing */
export function statesOf(page) {
  const cards = [...page.querySelector("[data-cards]").children];
  return cards.map((card) => `${card.dataset.session}:${card.dataset.state}`).sort().join();
}

/**
 * Show each session in its card. A card whose state is unchanged is only updated, so that typed text is kept and the
 * camera stays open.
 *
 * @param {HTMLElement} page the element with `data-student`
 * @returns {string[]} the ids of shown sessions that are no longer open
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
      card = newCard(state, session);
      old?.remove();
      changed = card;
    }
    showChoices(card, session.choices);
    fill(card, textsOf(session));
    if (cards.children[position] !== card) cards.insertBefore(card, cards.children[position] ?? null);
    shown.delete(session.id);
  });
  const ended = [...shown.values()].filter((card) => card.dataset.state !== "ended");
  for (const card of ended) card.remove();

  const empty = page.querySelector("[data-empty]");
  const isEmpty = cards.children.length === 0;
  if (isEmpty && empty.hidden) changed = empty;
  empty.hidden = !isEmpty;
  page.querySelector("[data-database]").hidden = !sessions.some((session) => session.stats.source === "database");
  if (changed) announce(page, changed, hadFocus);
  return ended.map((card) => card.dataset.session);
}

/** Show the results of ended sessions: a card for the last one, below the open ones, and a line for each in today's list. */
export function showEnded(page, ended, sections) {
  const cards = page.querySelector("[data-cards]");
  const list = page.querySelector("[data-earlier-list]");
  const earlier = cards.querySelector("[data-state=ended]");
  let last = null;
  for (const section of sections) {
    for (const meeting of section.meetings.filter((one) => ended.includes(one.session))) {
      const texts = { course: section.course, section: section.name, time: clock(meeting.marked_at) };
      if (!meeting.status) continue;
      const row = copyOf("earlier-row", meeting.status);
      fill(row, { ...texts, status: meeting.status, time: texts.time.slice(0, 5) });
      const word = row.querySelector("[data-status-word]");
      if (meeting.label && word) word.textContent = meeting.label;
      list.prepend(row);
      page.querySelector("[data-earlier]").hidden = false;
      if (last) continue;
      last = newCard("ended", { id: meeting.session });
      fill(last, texts);
      showOutcome(last, meeting.status, row.querySelector(".tag").textContent);
      earlier?.remove();
      cards.append(last);
      page.querySelector("[data-empty]").hidden = true;
      announce(page, last, false);
    }
  }
}

/** The time of an ISO timestamp. It is in the institution's time zone, so nothing is converted. */
function clock(moment) {
  return moment ? moment.slice(11, 19) : "";
}

/** A time of this phone's own clock. */
export const phoneClock = (milliseconds) => new Date(milliseconds).toTimeString().slice(0, 8);

/** A copy of the template with this value of `data-NAME`; of the one for "other" if the page does not know the value. */
function copyOf(name, value) {
  const find = (wanted) => document.querySelector(`template[data-${name}="${CSS.escape(wanted)}"]`);
  return (find(value) ?? find("other")).content.firstElementChild.cloneNode(true);
}

/** Shows the words for the status a class ended with, or only its label if there are none. */
function showOutcome(card, status, label) {
  const outcomes = [...card.querySelectorAll("[data-outcome]")];
  const shown = outcomes.find((one) => one.dataset.outcome === status) ?? card.querySelector("[data-outcome=other]");
  if (shown.dataset.outcome === "other") shown.textContent = label;
  for (const one of outcomes) one.hidden = one !== shown;
}

function newCard(state, { id, group = null }) {
  const card = copyOf("state", state);
  // Also for the copy of "other", so that the next poll finds the state unchanged.
  card.dataset.state = state;
  card.dataset.session = id;
  card.dataset.group = group ?? "";
  for (const label of card.querySelectorAll("[data-for]")) label.htmlFor = `${label.dataset.for}-${id}`;
  for (const field of card.querySelectorAll("[data-id]")) field.id = `${field.dataset.id}-${id}`;
  return card;
}

/** Show a button for each section that can be chosen. */
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
  const late = clock(session.late_from);
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

/** Announce a new state to screen readers and keep the focus on the changed card. */
function announce(page, card, hadFocus) {
  const heading = card.querySelector("h2");
  page.querySelector("[data-announce]").textContent = heading.textContent;
  if (hadFocus) heading.focus();
}
