/** What a scanner shows: one of its texts at a time, the frame over the picture, and its buttons. */
export class Face {
  #part;
  #texts;
  #problems;

  /** @param {HTMLElement} root the element of parts/scanner.html */
  constructor(root, { onOpen, onRetry, onClose, onTorch }) {
    this.root = root;
    this.#part = (name) => root.querySelector(`[data-scanner-${name}]`);
    this.#texts = root.querySelectorAll("[data-say]");
    this.#problems = root.querySelectorAll("[data-problem]");
    this.video = this.#part("video");
    this.#part("open").addEventListener("click", onOpen);
    this.#part("retry").addEventListener("click", onRetry);
    this.#part("close").addEventListener("click", onClose);
    const torch = this.#part("torch");
    torch.addEventListener("click", async () => {
      const wanted = torch.ariaPressed !== "true";
      if (await onTorch(wanted)) torch.ariaPressed = String(wanted);
    });
    this.showClosed();
  }

  /** Whether it is on the page, and nothing around it hides it. */
  get isVisible() {
    return this.root.isConnected && this.root.getClientRects().length > 0;
  }

  showClosed() {
    this.#showOnly("open", "closed");
  }

  showOpen() {
    this.#showOnly("view", "looking");
    this.showTorch(false);
    this.say("asking");
  }

  /** @param {string} problem one of those in parts/scanner.html */
  showProblem(problem) {
    for (const text of this.#problems) text.hidden = text.dataset.problem !== problem;
    this.#part("retry").hidden = problem === "insecure";
    this.#showOnly("problem", "problem");
  }

  showTorch(isThere) {
    const torch = this.#part("torch");
    torch.hidden = !isThere;
    torch.ariaPressed = "false";
  }

  /** A code was read: to be seen, and felt where the phone can. */
  showRead() {
    this.root.dataset.phase = "read";
    this.say("sending");
    // Browsers log an error where the page was never touched.
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(60);
  }

  /** @param {{message?: string, tone?: "good"|"bad"}} answer what came of a code that was read */
  showAnswer({ message, tone = "bad" }) {
    this.root.dataset.phase = message ? tone : "looking";
    this.root.querySelector("[data-say=message]").textContent = message ?? "";
    this.say(message ? "message" : "looking");
  }

  hint({ isDark, isSlow }) {
    this.root.dataset.phase = "looking";
    if (isDark) this.say(this.#part("torch").hidden ? "dark" : "dark_torch");
    else this.say(isSlow ? "slow" : "looking");
  }

  say(what) {
    for (const text of this.#texts) {
      const hidden = text.dataset.say !== what;
      // Read aloud anew only where it changes.
      if (text.hidden !== hidden) text.hidden = hidden;
    }
  }

  /** One of the three parts; the focus follows where it would be lost. */
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
