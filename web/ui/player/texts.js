/**
 * The page's sentences in the person's language. The server puts those that the modules use into the page.
 */

import { recognise } from "./troubles.js";

/** @type {Record<string, string> | null} */
let messages = null;

/**
 * @param {string} sentence in English, with placeholders like %(name)s
 * @param {Record<string, string | number>} [values] for the placeholders
 * @returns {string}
 */
export function text(sentence, values = {}) {
  messages ??= readMessages();
  return fill(messages[sentence] ?? sentence, values);
}

/**
 * @param {string} sentence in English, as the server says it
 * @returns {string} the same in the person's language, where it is known
 */
export function serverText(sentence) {
  messages ??= readMessages();
  const known = recognise(sentence, messages);
  return known ? text(known.message, known.values) : sentence;
}

/**
 * @param {string} sentence
 * @param {Record<string, string | number>} values
 * @returns {string}
 */
export function fill(sentence, values) {
  return sentence.replace(/%\((\w+)\)s/g, (whole, name) => String(values[name] ?? whole));
}

/** @returns {string} the page's language, for numbers */
export function language() {
  return document.documentElement.lang || "en";
}

/** @returns {Record<string, string>} */
function readMessages() {
  return JSON.parse(document.getElementById("messages")?.textContent || "{}");
}
