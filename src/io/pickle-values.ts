import { Described, describe } from "./describe.js";

/** A name that a pickle refers to: a class or function, which only the caller gives a meaning. */
export class Global extends Described {
  constructor(readonly name: string) {
    super();
  }

  get description(): string {
    return `the name ${describe(this.name)}`;
  }
}

/** Stands for an object that was not made: what makes it is not known here, and is not run. */
export class Opaque extends Described {
  /** @param maker the class of the object, or the function that returns it */
  constructor(readonly maker: string) {
    super();
  }

  get description(): string {
    return `an object of ${describe(this.maker)}`;
  }
}

export interface PickleHandlers {
  /** What a call of a global gives, or undefined where it is not known: it stays Opaque. */
  call(global: Global, args: readonly unknown[]): unknown;
  /** What an object kept outside the pickle is. */
  persistent(id: unknown): unknown;
}
