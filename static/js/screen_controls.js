/**
 * A presenter's keyboard: F, L, S and E for full screen, lock, start and end, and the same as small buttons.
 * A step of the session is taken only after a dialog has said what will happen: Enter confirms, Escape cancels.
 */
import { postJSON } from "./http.js";
import { setText } from "./text.js";

const IDLE_MS = 4000;
const TOLD_MS = 6000;
const TIMEOUT_MS = 8000;
const KEYS = { l: "lock", s: "start", e: "end" };

/**
 * @param {HTMLElement} screen `data-status` is the session's state
 * @param {(stats: object) => void} onStep after a step was taken, with the new numbers
 * @param {() => void} onRefused after a step was refused: the state is another than the screen shows
 */
export function screenControls(screen, { onStep, onRefused }) {
  const bar = screen.querySelector("[data-controls]");
  const told = screen.querySelector("[data-told]");
  const dialogs = [...screen.querySelectorAll("dialog[data-step]")];
  let toldTimer = 0;
  bar.hidden = false;

  function tell(text) {
    clearTimeout(toldTimer);
    setText(told, text);
    toldTimer = setTimeout(() => setText(told, ""), TOLD_MS);
  }

  const isPossible = (dialog) => dialog.dataset.from.split(" ").includes(screen.dataset.status);

  function ask(step) {
    const dialog = dialogs.find((one) => one.dataset.step === step);
    if (!isPossible(dialog)) {
      tell(dialog.dataset[screen.dataset.status === "ended" ? "ended" : "already"]);
      return;
    }
    setText(dialog.querySelector("[data-refused]"), "");
    dialog.showModal();
  }

  async function take(dialog) {
    const button = dialog.querySelector("[data-confirm]");
    const refused = dialog.querySelector("[data-refused]");
    // Not `disabled`: that would take the focus from it.
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      const session = await postJSON(dialog.dataset.url, {}, { timeout: TIMEOUT_MS });
      dialog.close();
      document.activeElement?.blur();
      onStep(session.stats);
    } catch (error) {
      if (error.code === "wrong_state") {
        dialog.close();
        tell(screen.dataset.elsewhere);
        onRefused();
      } else if (error.code === "in_group") {
        location.reload();
      } else {
        setText(refused, error.status && error.detail ? error.detail : screen.dataset.noAnswer);
      }
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  for (const dialog of dialogs) {
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      take(dialog);
    });
    dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  }
  for (const button of bar.querySelectorAll("[data-ask]")) {
    button.addEventListener("click", () => ask(button.dataset.ask));
  }
  fullScreen(bar.querySelector("[data-full]"));
  fadeWhenIdle(screen, bar);

  document.addEventListener("keydown", (event) => {
    const letter = letterOf(event);
    if (!letter || event.repeat || dialogs.some((dialog) => dialog.open)) return;
    if (letter === "f") toggleFullScreen();
    else if (KEYS[letter]) ask(KEYS[letter]);
    else return;
    event.preventDefault();
  });

  return {
    /** The state may have changed elsewhere: what is asked may not be possible any more. */
    update() {
      for (const dialog of dialogs) {
        if (!dialog.open || isPossible(dialog) || dialog.querySelector("[aria-disabled=true]")) continue;
        dialog.close();
        tell(screen.dataset.elsewhere);
      }
    },
  };
}

/** The letter as typed; of a keyboard that writes another script, the one on the same key. */
function letterOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key.toLowerCase();
  if (/^[a-z]$/.test(key)) return key;
  return key.length === 1 ? event.code.replace(/^Key/, "").toLowerCase() : null;
}

function toggleFullScreen() {
  if (!document.fullscreenEnabled) return;
  if (document.fullscreenElement) document.exitFullscreen();
  // Refused where a policy forbids it; the page is as good without.
  else document.documentElement.requestFullscreen({ navigationUI: "hide" }).catch(() => {});
}

function fullScreen(button) {
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", toggleFullScreen);
  document.addEventListener("fullscreenchange", () => {
    button.setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
  });
}

/** The buttons and the pointer are gone while nobody moves it; the keys and a screen reader reach them all the time. */
function fadeWhenIdle(screen, bar) {
  let timer = 0;

  function wake() {
    screen.classList.remove("idle");
    clearTimeout(timer);
    timer = setTimeout(sleep, IDLE_MS);
  }

  function sleep() {
    if (bar.querySelector(":focus-visible")) wake();
    else screen.classList.add("idle");
  }

  for (const event of ["pointermove", "pointerdown", "keydown", "focusin"]) document.addEventListener(event, wake);
  wake();
}
