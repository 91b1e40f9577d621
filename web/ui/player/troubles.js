/**
 * The server's own sentences, in the person's language: recognised by what stands around their changing parts.
 */

/**
 * @param {string} sentence in English, as the server says it
 * @param {Record<string, string>} messages English to the person's language, with placeholders like %(host)s
 * @returns {{message: string, values: Record<string, string>} | null} null for a sentence that is not known
 */
export function recognise(sentence, messages) {
  if (sentence in messages) return { message: sentence, values: {} };
  for (const message of Object.keys(messages)) {
    const values = message.includes("%(") && pattern(message).exec(sentence)?.groups;
    if (values) return { message, values };
  }
  return null;
}

/** @param {string} message @returns {RegExp} */
function pattern(message) {
  const literal = message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replace(/%\\\((\w+)\\\)s/g, "(?<$1>.+)")}$`);
}
