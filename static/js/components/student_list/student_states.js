/**
 * The states of a student in a list: a mark's status, "joined", or "none". The server describes them in
 * templates/qrsessions/parts/student_states.html.
 */
const descriptions = new Map(
  [...document.getElementById("student-states").content.children].map((tag) => [tag.dataset.state, tag]),
);

export const stateOf = (record) => record.status ?? (record.joined_at ? "joined" : "none");

export const labelOf = (state) => descriptions.get(state)?.textContent ?? state;

/** The class of the state's tag, which gives it its colour and sign. */
export const tagClassOf = (state) => descriptions.get(state)?.className ?? "tag";

/** Whether the student has a mark. */
export const isMark = (state) => descriptions.get(state)?.dataset.isMark !== undefined;

/** Whether the list shows when the student was marked. */
export const showsMarkTime = (state) => descriptions.get(state)?.dataset.showsTime !== undefined;
