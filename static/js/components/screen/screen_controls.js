/**
 * Keys and small buttons for the presenter: F full screen, L lock, S start, E end. A dialog explains each step first:
 * Enter confirms, Escape cancels.
 */
import { postJSON } from "../../lib/http.js";
import { setText } from "../../lib/text.js";

const IDLE_MS = 4000;
const MESSAGE_MS = 6000;
const TIMEOUT_MS = 8000;
const STEP_KEYS = { l: "lock", s: "start", e: "end" };

/**
 * @param {HTMLElement} screen `data-status` is the session's status
 * @param {(stats: object) => void} onStep called after a step, with the new counts
 * @param {() => void} onRefused called when a step was refused because the status has changed elsewhere
 */
export function screenControls(screen, { onStep, onRefused }) {
  const bar = screen.querySelector("[data-controls]");
  const message = screen.querySelector("[data-told]");
  const dialogs = [...screen.querySelectorAll("dialog[data-step]")];
  let messageTimer = 0;
  // Safari before 15.4. The teacher's page has the same buttons.
  if (!window.HTMLDialogElement) return { update() {} };
  bar.hidden = false;

  function showMessage(text) {
    clearTimeout(messageTimer);
    setText(message, text);
    messageTimer = setTimeout(() => setText(message, ""), MESSAGE_MS);
  }

  const isPossible = (dialog) => dialog.dataset.from.split(" ").includes(screen.dataset.status);

  function confirmStep(step) {
    const dialog = dialogs.find((one) => one.dataset.step === step);
    if (!isPossible(dialog)) {
      showMessage(dialog.dataset[screen.dataset.status === "ended" ? "ended" : "already"]);
      return;
    }
    setText(dialog.querySelector("[data-refused]"), "");
    dialog.showModal();
  }

  async function takeStep(dialog) {
    const button = dialog.querySelector("[data-confirm]");
    const refused = dialog.querySelector("[data-refused]");
    // `disabled` would lose the focus.
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
        showMessage(screen.dataset.elsewhere);
        onRefused();
      } else if (error.code === "in_group") {
        location.reload();
      } else {
        const text = error.status && error.detail ? error.detail : screen.dataset.noAnswer;
        // The dialog may have been cancelled while the request was running.
        if (dialog.open) setText(refused, text);
        else showMessage(text);
      }
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  for (const dialog of dialogs) {
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      takeStep(dialog);
    });
    dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  }
  for (const button of bar.querySelectorAll("[data-ask]")) {
    button.addEventListener("click", () => confirmStep(button.dataset.ask));
  }
  fullScreen(bar.querySelector("[data-full]"));
  fadeWhenIdle(screen, bar);

  document.addEventListener("keydown", (event) => {
    const letter = letterOf(event);
    if (!letter || event.repeat || dialogs.some((dialog) => dialog.open)) return;
    if (letter === "f") toggleFullScreen();
    else if (STEP_KEYS[letter]) confirmStep(STEP_KEYS[letter]);
    else return;
    event.preventDefault();
  });

  return {
    /** Close a dialog whose step is no longer possible, because the status changed elsewhere. */
    update() {
      for (const dialog of dialogs) {
        if (!dialog.open || isPossible(dialog) || dialog.querySelector("[aria-disabled=true]")) continue;
        dialog.close();
        showMessage(screen.dataset.elsewhere);
      }
    },
  };
}

/** The typed letter; on a keyboard with another script, the Latin letter of the same key. */
function letterOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key.toLowerCase();
  if (/^[a-z]$/.test(key)) return key;
  return key.length === 1 ? event.code.replace(/^Key/, "").toLowerCase() : null;
}

function toggleFullScreen() {
  if (!document.fullscreenEnabled) return;
  if (document.fullscreenElement) document.exitFullscreen();
  // A policy may forbid full screen. The page works without it.
  else document.documentElement.requestFullscreen({ navigationUI: "hide" }).catch(() => {});
}

function fullScreen(button) {
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", toggleFullScreen);
  document.addEventListener("fullscreenchange", () => {
    button.setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
  });
}

/** Hide the buttons and the pointer while idle. The keyboard and screen readers still reach them. */
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
