/** What means something in dialplan expressions, function arguments or keys of AstDB (docs/astdb.md). */
const AWKWARD = /[(),:/\\"${}[\]\r\n]/g;

/** An endpoint's id as it stands in keys of AstDB: the dialplan guard does the same with the caller's. */
export const guardName = (endpoint: string): string => endpoint.replace(AWKWARD, '_');
