/** hep-js ships no types. It is the reference for well-formed IPv4 HEPv3 only: broken bytes make it loop for ever. */
declare module 'hep-js' {
  export interface HepJsInfo {
    rcinfo: Record<string, string | number | undefined>;
    payload?: string;
  }
  const hepJs: {
    decapsulate(message: Buffer): HepJsInfo | false | undefined;
    encapsulate(message: string, rcinfo: Record<string, string | number>): Buffer;
  };
  export default hepJs;
}
