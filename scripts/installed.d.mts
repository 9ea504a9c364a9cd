/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface InstallationOptions {
  readonly platform?: string | undefined;
  readonly node?: string | undefined;
}

export declare class Installation {
  private constructor();
  static make(options?: InstallationOptions): Promise<Installation>;
  readonly folder: string;
  node(...args: readonly string[]): Promise<Ended>;
  verb(...args: readonly string[]): Promise<Ended>;
  script(text: string): Promise<Ended>;
  copyShipped(): void;
  add(name: string): void;
  take(name: string): void;
  remove(): void;
}

export declare function bytesIn(folder: string): number;
export declare function firstExample(): string;
export declare function fetchNode(version: string, folder: string): Promise<string>;
