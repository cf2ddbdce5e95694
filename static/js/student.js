/**
 * The student's page: asks what is open now and shows it in place. The words are the page's own: each state of a
 * session is a <template> there, and this fills in names, times and numbers.
 */
import { getJSON, postJSON } from "./http.js";
import { poll } from "./poll.js";

const page = document.querySelector("[data-student]");
if (page) start();

function start() {
  const cards = page.querySelector("[data-cards]");
  const lost = page.querySelector("[data-lost]");
  let etag = null;

  const polling = poll(
    async (signal) => {
      const answer = await getJSON(page.dataset.url, { signal, etag });
      if (answer.unchanged) return;
      const ended = show(cards, answer.data.sessions);
      if (ended.length) await showEarlier(ended, signal);
      etag = answer.etag;
    },
    {
      every: 3000,
      jitter: 2000,
      onLost({ error }) {
        // Signed out elsewhere: the page itself leads to the sign-in.
        if (error.status === 401 || error.status === 403) location.reload();
        lost.hidden = false;
      },
      onBack() {
        lost.hidden = true;
      },
    },
  );

  cards.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-api], form[data-api-group]")) return;
    event.preventDefault();
    send(form, event.submitter ?? form.querySelector("button"), polling);
  });
  cards.addEventListener("input", (event) => {
    event.target.form.querySelector("[data-error]").hidden = true;
  });
}

/** Joins, or sends the typed code; the next round then shows what came of it. */
async function send(form, button, polling) {
  const error = form.querySelector("[data-error]");
  const { session, group, code } = Object.fromEntries(new FormData(form));
  const inGroup = group && form.dataset.apiGroup;
  const url = (inGroup || form.dataset.api).replace("00000000", inGroup ? group : session);
  let body = code === undefined ? {} : { session, code };
  if (button.name === "section") body = { section: Number(button.value) };
  // Not `disabled`, which would throw away the focus.
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  error.hidden = true;
  try {
    await postJSON(url, body);
  } catch (refused) {
    error.textContent = refused.isTemporary && refused.status !== 429 ? page.dataset.noAnswer : refused.detail;
    error.hidden = false;
  } finally {
    button.ariaDisabled = "false";
    polling.now();
  }
}

/** The one thing to say of a session; decided as in qrsessions/views/student.py. */
function stateOf(session) {
  if (session.mark) return session.mark;
  if (session.can_scan) return "scan";
  if (session.can_join) return session.choices.length > 0 ? "choose" : "join";
  if (session.joined_at) return "waiting";
  return session.status === "active" ? "not_joined" : "locked";
}

/**
 * Shows the sessions, each in its card. A card whose state stands is only filled anew, so that nothing that is being
 * typed is lost.
 *
 * @returns {string[]} the ids of the sessions that were shown and are no longer open
 */
function show(cards, sessions) {
  const shown = new Map([...cards.children].map((card) => [card.dataset.session, card]));
  const hadFocus = cards.contains(document.activeElement);
  let changed = null;
  sessions.forEach((session, position) => {
    const state = stateOf(session);
    let card = shown.get(session.id);
    if (card?.dataset.state !== state) {
      const old = card;
      card = blankCard(state);
      card.dataset.session = session.id;
      for (const label of card.querySelectorAll("[data-for]")) label.htmlFor = `${label.dataset.for}-${session.id}`;
      for (const field of card.querySelectorAll("[data-id]")) field.id = `${field.dataset.id}-${session.id}`;
      old?.remove();
      changed = card;
    }
    showChoices(card, session.choices);
    fill(card, { ...session, ...session.stats, section: session.section_name, title: session.course_title, time: clock(session.marked_at) });
    if (cards.children[position] !== card) cards.insertBefore(card, cards.children[position] ?? null);
    shown.delete(session.id);
  });
  for (const card of shown.values()) card.remove();

  const empty = page.querySelector("[data-empty]");
  if (sessions.length === 0 && empty.hidden) changed = empty;
  empty.hidden = sessions.length > 0;
  page.querySelector("[data-database]").hidden = !sessions.some((session) => session.stats.source === "database");
  if (changed) announce(changed, hadFocus);
  return [...shown.keys()];
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

function blankCard(state) {
  return document.querySelector(`template[data-state="${state}"]`).content.firstElementChild.cloneNode(true);
}

function fill(card, values) {
  const texts = { ...values, joined: values.total_joined, present: values.total_present, total: values.total_students };
  for (const slot of card.querySelectorAll("[data-text]")) {
    if (slot.closest("[data-choices]")) continue;
    const text = String(texts[slot.dataset.text] ?? "");
    if (slot.textContent !== text) slot.textContent = text;
  }
  for (const field of card.querySelectorAll("[data-value]")) field.value = texts[field.dataset.value];
  for (const bar of card.querySelectorAll("[data-bar]")) {
    bar.setAttribute("viewBox", `0 0 ${texts.total || 1} 10`);
    bar.querySelector(".joined").setAttribute("width", texts.joined);
    bar.querySelector(".present").setAttribute("width", texts.present);
  }
}

/** Times come in the institution's own zone, which the phone's need not be. */
function clock(moment) {
  return moment ? moment.slice(11, 19) : "";
}

/** Says a new state to who can't see it, and keeps the focus where the change is. */
function announce(card, hadFocus) {
  const heading = card.querySelector("h2");
  page.querySelector("[data-announce]").textContent = heading.textContent;
  if (hadFocus) heading.focus();
}

/** Adds what became of sessions that ended to the list of today's. */
async function showEarlier(ended, signal) {
  const { data: sections } = await getJSON(page.dataset.recordsUrl, { signal });
  const list = page.querySelector("[data-earlier-list]");
  for (const section of sections) {
    for (const meeting of section.meetings.filter((one) => ended.includes(one.session))) {
      const template = document.querySelector(`template[data-earlier-row="${meeting.status}"]`);
      if (!template) continue;
      const row = template.content.firstElementChild.cloneNode(true);
      fill(row, { course: section.course, section: section.name, time: clock(meeting.marked_at).slice(0, 5) });
      list.prepend(row);
      page.querySelector("[data-earlier]").hidden = false;
    }
  }
}
