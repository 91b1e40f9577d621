/** A socket that the test plays the camera's side of. */
export class FakeSocket {
  static OPEN = 1;
  static all = [];
  static get last() {
    return FakeSocket.all.at(-1);
  }
  readyState = 1;
  sent = [];
  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    FakeSocket.all.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close(code) {
    this.closedWith = code;
  }
  says(type, fields) {
    this.onmessage({ data: JSON.stringify({ v: 1, type, ...fields }) });
  }
  ends(code) {
    this.onclose?.({ code });
  }
}

/** A transport that does what the test says. */
export class FakeTransport extends EventTarget {
  static all = [];
  static get last() {
    return FakeTransport.all.at(-1);
  }
  started = false;
  closed = false;
  expecting = false;
  constructor(name) {
    super();
    this.name = name;
    FakeTransport.all.push(this);
  }
  start(_video, session) {
    this.started = true;
    this.session = session;
  }
  answers(viewer) {
    this.dispatchEvent(new CustomEvent("answered", { detail: { viewer } }));
  }
  expect(pictures) {
    this.expecting = pictures;
  }
  close() {
    this.closed = true;
    this.dispatchEvent(new Event("closed"));
  }
  shows(captured = null) {
    this.dispatchEvent(new CustomEvent("picture", { detail: { at: performance.now(), captured } }));
  }
  fails(code = "no-picture", status) {
    this.dispatchEvent(new CustomEvent("failed", { detail: { code, status } }));
  }
}
