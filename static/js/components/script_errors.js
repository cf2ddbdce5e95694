/**
 * Shows the way out (templates/qrsessions/parts/phone_notes.html) when a script of the page fails. Not a module, so that
 * it works if a module can't be loaded or read.
 */
(() => {
  // Others are answers of the server, or an aborted request.
  const BUGS = [TypeError, ReferenceError, RangeError, SyntaxError];

  function show() {
    // From now on, forms are sent without the script.
    document.documentElement.dataset.scriptFailed = "";
    const note = document.querySelector("[data-script-error]");
    if (note) note.hidden = false;
  }

  window.addEventListener(
    "error",
    ({ filename, target }) => {
      // Neither a browser extension's script, nor an image.
      if (filename ? filename.startsWith(location.origin) : target instanceof HTMLScriptElement) show();
    },
    true,
  );
  window.addEventListener("unhandledrejection", ({ reason }) => {
    if (BUGS.some((kind) => reason instanceof kind)) show();
  });
})();
