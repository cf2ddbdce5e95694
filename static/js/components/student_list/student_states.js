/**
 * The states of a student in a list: a mark's status, "joined", or "none"; and the institution's own labels and reasons.
 * The server describes them in templates/qrsessions/parts/student_states.html.
 */
const described = [...document.getElementById("student-states").content.children];
const by = (name) => new Map(described.filter((tag) => name in tag.dataset).map((tag) => [tag.dataset[name], tag]));
const [states, labels, reasons] = ["state", "label", "reason"].map(by);

export const stateOf = (record) => record.status ?? (record.joined_at ? "joined" : "none");

/** The words for a state, or for its label if it has one. A label that is newer than the page has its name. */
export const labelOf = (state, label = null) => label ?? states.get(state)?.textContent ?? state;

/** The classes of the state's tag, which give it its colour and sign. */
export const tagClassOf = (state, label = null) => (labels.get(label) ?? states.get(state))?.className ?? "tag";

/** The name of the reason for an excuse. */
export const reasonOf = (code) => reasons.get(code)?.textContent ?? code;

/** Whether the student has a mark. */
export const isMark = (state) => states.get(state)?.dataset.isMark !== undefined;

/** Whether the list shows when the student was marked. */
export const showsMarkTime = (state) => states.get(state)?.dataset.showsTime !== undefined;
