"use strict";

// The dock part of the page is drawn by the daemon; this only puts it in
// place. When the daemon falls silent, what the page says may no longer be
// true, so it is covered until there is word again.
(function () {
  const silence = 15000; // ms: three heartbeats
  const moment = 1000; // ms: a slow touch
  const dock = document.getElementById("dock");
  const lost = document.getElementById("lost");
  let source, timer, touched = 0, waiting = null;

  function alive() {
    lost.hidden = true;
    clearTimeout(timer);
    timer = setTimeout(silent, silence);
  }

  function silent() {
    lost.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(connect, 5000);
  }

  // A touch would be lost if what is under the finger were replaced meanwhile. It
  // may hold up no more than a moment, since what stands there grows old.
  function place() {
    if (touched || waiting === null) return;
    dock.innerHTML = waiting;
    waiting = null;
  }

  function touch() {
    clearTimeout(touched);
    touched = setTimeout(function () { touched = 0; place(); }, moment);
  }

  function connect() {
    if (source) source.close();
    source = new EventSource(document.body.dataset.events);
    source.addEventListener("dock", function (event) {
      waiting = event.data;
      place();
      alive();
    });
    source.addEventListener("beat", alive);
    source.onerror = silent;
    clearTimeout(timer);
    timer = setTimeout(silent, silence);
  }

  addEventListener("pointerdown", touch);
  connect();
})();
