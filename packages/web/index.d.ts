/** Absolute path of the folder with the built application: `index.html` and, under `assets/app/`, what it loads. */
export declare const directory: string;
