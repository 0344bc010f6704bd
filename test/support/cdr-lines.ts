/** A row of Master.csv (usegmtime, loguniqueid, loguserfield) whose `dst` and uniqueid carry a number. */
export const cdrLine = (number: number): string =>
  `"","1004","${number}","from-internal","""Alice"" <1004>","PJSIP/1004-${(number >>> 0).toString(16).padStart(8, '0')}","PJSIP/trunk-00000001","Dial","PJSIP/${number}@trunk,30","2026-11-21 18:30:03","2026-11-21 18:30:05","2026-11-21 18:31:05",62,60,"ANSWERED","DOCUMENTATION","1795285803.${number}",""\n`;
