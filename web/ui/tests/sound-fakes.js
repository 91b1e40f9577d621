/** The other ends of sound and talk, for tests: a camera's line, a browser's microphone, a button. */

export const SOUND = {
  source: "camera",
  muted: false,
  trouble: null,
  talk: { possible: true, muted: false, trouble: null, duplex: "none", several: false, talkers: [] },
};

export const refusal = (code) => Object.assign(new Error(code), { code });

/** A line whose camera answers as the test says. */
export class FakeLine extends EventTarget {
  sound = structuredClone(SOUND);
  can = ["view", "listen", "talk"];
  isUp = true;
  wanted = false;
  asked = [];
  voices = [];
  answers = {}; // by type: a code that is refused
  async request(type, fields) {
    this.asked.push({ type, ...fields });
    if (!this.isUp) throw refusal("closed");
    if (fields.on && this.answers[type]) throw refusal(this.answers[type]);
    const others = this.sound.talk.talkers.filter(({ viewer }) => viewer !== "me");
    if (type === "talk") this.says({ talkers: fields.on ? [{ viewer: "me", name: "Ada" }] : others });
    return { on: fields.on };
  }
  async want(wanted) {
    this.wanted = wanted;
    if (wanted && this.answers.sound) throw refusal(this.answers.sound);
  }
  async speak(track) {
    this.voices.push(track);
  }
  hasFloor() {
    return this.sound.talk.talkers.some(({ viewer }) => viewer === "me");
  }
  others() {
    return this.sound.talk.talkers.filter(({ viewer }) => viewer !== "me").map(({ name }) => name);
  }
  says(talk) {
    this.sound = { ...this.sound, talk: { ...this.sound.talk, ...talk } };
    this.dispatchEvent(new Event("sound"));
  }
  falls() {
    this.isUp = false;
    this.dispatchEvent(new Event("down"));
  }
}

export class FakeTrack {
  isStopped = false;
  onended = null;
  stop() {
    this.isStopped = true;
  }
}

/** `navigator.mediaDevices`, whose person answers when the test says so. */
export class FakeDevices {
  questions = [];
  getUserMedia(wanted) {
    return new Promise((resolve, reject) => {
      const allow = () => {
        const track = new FakeTrack();
        resolve({ getAudioTracks: () => [track] });
        return track;
      };
      const refuse = (name, message = "") => reject(Object.assign(new Error(message), { name }));
      this.questions.push({ wanted, allow, refuse });
    });
  }
  get last() {
    return this.questions.at(-1);
  }
}

/** Lets what was promised come true. */
export async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}
