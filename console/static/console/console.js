"use strict";
// htmx would write a style sheet into the page, and compile what stands in attributes.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

// `/` opens the search box, unless somebody is typing. A list's own box doesn't hear of it.
document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        event.stopPropagation();
        window.dispatchEvent(new CustomEvent("opencommand"));
    }
});

// What is sent is sent once, however often its button is pressed until the answer is here.
(() => {
    const ANSWERED_MS = 5_000;
    let sentAt = new WeakMap();

    document.addEventListener("submit", (event) => {
        const form = event.target;
        if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
        if (event.timeStamp - (sentAt.get(form) ?? -Infinity) < ANSWERED_MS) event.preventDefault();
        else sentAt.set(form, event.timeStamp);
    });
    addEventListener("pageshow", () => {
        sentAt = new WeakMap();
    });
})();

// Where a form has several verbs, one of them is pressed: Enter in a field doesn't choose.
document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input:not([type=submit])")) return;
    const verbs = event.target.form?.querySelectorAll('[type=submit][name]:not([name^="_"])') ?? [];
    if (verbs.length > 1) event.preventDefault();
});

// Times are in UTC. Who points at one is told what it is where they are.
(() => {
    const MOMENT = /\b(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d(?:\.\d+)?)?)/g;
    const here = new Intl.DateTimeFormat("sv-SE", {dateStyle: "short", timeStyle: "long"});

    const localOf = ([, day, time]) => {
        const at = new Date(`${day}T${time}Z`);
        return Number.isNaN(at.getTime()) ? [] : [here.format(at)];
    };

    document.addEventListener("pointerover", ({target}) => {
        if (!(target instanceof Element) || target.hasAttribute("title")) return;
        const texts = [...target.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
        const local = texts.flatMap(({data}) => [...data.matchAll(MOMENT)].flatMap(localOf));
        if (local.length) target.title = `Here: ${local.join(", ")}`;
    });
})();
