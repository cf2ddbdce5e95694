/** What a scanner shows: one text at a time, the frame over the picture, and the buttons. */
export class ScannerView {
  #part;
  #texts;
  #problems;

  /** @param {HTMLElement} root the element of parts/scanner.html */
  constructor(root, { onOpen, onRetry, onClose, onTorch, onZoom }) {
    this.root = root;
    this.#part = (name) => root.querySelector(`[data-scanner-${name}]`);
    this.#texts = root.querySelectorAll("[data-say]");
    this.#problems = root.querySelectorAll("[data-problem]");
    this.video = this.#part("video");
    this.#part("open").addEventListener("click", onOpen);
    this.#part("retry").addEventListener("click", onRetry);
    this.#part("close").addEventListener("click", onClose);
    this.#switch("torch", onTorch);
    this.#switch("zoom", onZoom);
    this.showClosed();
  }

  /** Whether it is on the page and not hidden. */
  get isVisible() {
    return this.root.isConnected && this.root.getClientRects().length > 0;
  }

  showClosed() {
    this.#showOnly("open", "closed");
  }

  showOpen() {
    this.#showOnly("view", "looking");
    this.showTools({ torch: false, zoom: false });
    this.say("asking");
  }

  /** @param {string} problem one of those in parts/scanner.html */
  showProblem(problem) {
    for (const text of this.#problems) text.hidden = text.dataset.problem !== problem;
    this.#part("retry").hidden = problem === "insecure";
    this.#showOnly("problem", "problem");
  }

  /** @param {Record<string, boolean>} tools which of the switches "torch" and "zoom" the camera has */
  showTools(tools) {
    for (const [name, isThere] of Object.entries(tools)) {
      const tool = this.#part(name);
      tool.hidden = !isThere;
      tool.ariaPressed = "false";
    }
  }

  #switch(name, turn) {
    const tool = this.#part(name);
    tool.addEventListener("click", async () => {
      const wanted = tool.ariaPressed !== "true";
      if (await turn(wanted)) tool.ariaPressed = String(wanted);
    });
  }

  /** Show that a code was read, and vibrate if the phone can. */
  showRead() {
    this.root.dataset.phase = "read";
    this.say("sending");
    // Before the first touch, browsers log an error for vibrating.
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(60);
  }

  /** @param {{message?: string, tone?: "good"|"bad"}} answer what the caller answered */
  showAnswer({ message, tone = "bad" }) {
    this.root.dataset.phase = message ? tone : "looking";
    this.root.querySelector("[data-say=message]").textContent = message ?? "";
    this.say(message ? "message" : "looking");
  }

  /** Show the most important of what is known while no new code is found. */
  hint({ isWaiting, isDark, isExpired, isSlow }) {
    this.root.dataset.phase = isExpired && !isWaiting ? "bad" : "looking";
    if (isWaiting) this.say("kept");
    else if (isDark) this.say(this.#part("torch").hidden ? "dark" : "dark_torch");
    else if (isExpired) this.say("expired");
    else this.say(isSlow ? "slow" : "looking");
  }

  say(what) {
    for (const text of this.#texts) {
      const hidden = text.dataset.say !== what;
      // Screen readers read a text again whenever `hidden` is set.
      if (text.hidden !== hidden) text.hidden = hidden;
    }
  }

  /** Show one of the three parts. Move the focus there if it would be lost. */
  #showOnly(name, phase) {
    const hadFocus = this.root.contains(document.activeElement);
    this.root.dataset.phase = phase;
    for (const part of ["open", "view", "problem"]) this.#part(part).hidden = part !== name;
    if (!hadFocus) return;
    const next = { open: "open", view: "close", problem: "retry" }[name];
    this.#part(next).focus({ preventScroll: name === "view" });
    if (name === "view") this.#part("view").scrollIntoView({ block: "nearest" });
  }
}
