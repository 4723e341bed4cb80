"use strict";

// The dock part of the page is drawn by the daemon; this only puts it in
// place. When the daemon falls silent, what the page says may no longer be
// true, so it is covered until there is word again.
(function () {
  const silence = 15000; // ms: three heartbeats
  const dock = document.getElementById("dock");
  const lost = document.getElementById("lost");
  let source, timer;

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

  function connect() {
    if (source) source.close();
    source = new EventSource(document.body.dataset.events);
    source.addEventListener("dock", function (event) {
      dock.innerHTML = event.data;
      alive();
    });
    source.addEventListener("beat", alive);
    source.onerror = silent;
    clearTimeout(timer);
    timer = setTimeout(silent, silence);
  }

  connect();
})();
