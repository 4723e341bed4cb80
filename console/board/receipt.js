"use strict";

// The sheet is drawn by the daemon; this prints it, types into it, asks for
// another, and goes back to the dock when nobody has touched it for a while.
// What was typed is kept nowhere but here.
(function () {
  const page = document.body.dataset;
  const sheet = document.getElementById("sheet");
  let asked = "", busy = false, timer;

  function home() { location.replace(page.home); }

  function rest() {
    clearTimeout(timer);
    timer = setTimeout(home, Number(page.rest));
  }

  function field() { return document.getElementById("code"); }

  function settle() {
    rest();
    if (field()) field().focus();
  }

  async function show(earlier) {
    if (busy) return;
    if (field()) asked = field().value.trim();
    if (!asked) return;
    busy = true;
    try {
      const answer = await fetch(page.ask, { method: "POST", body: new URLSearchParams({ code: asked, earlier: earlier }) });
      if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) throw new Error(answer.status);
      sheet.innerHTML = await answer.text();
      settle();
    } catch (e) {
      home(); // the dock's page says what is wrong
    }
    busy = false;
  }

  sheet.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    const code = field();
    if (button.dataset.key) code.value += button.dataset.key;
    else if (button.dataset.do === "erase") code.value = code.value.slice(0, -1);
    else if (button.dataset.do === "print") print();
    else if (button.dataset.do === "show") show(button.dataset.earlier || "0");
    settle();
  });
  sheet.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target === field()) show("0"); // as badge readers end
  });
  for (const touch of ["pointerdown", "keydown", "scroll"]) addEventListener(touch, rest, true);
  addEventListener("afterprint", rest);

  settle();
})();
