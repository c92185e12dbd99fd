/** What the shell says of the site. */

export const root = document.getElementById("terminal") as HTMLElement;
/** By which money comes and goes. */
export const networks = (root.dataset["networks"] ?? "").split(",").filter((name) => name !== "");
export const isDemo = root.dataset["demo"] === "1";
