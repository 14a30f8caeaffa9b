/** Code that writes a field, or does not (see scan-code.ts for its names). */

export const giveUp = 'return -1'

export const lengthOf = (n: string): string => `out[o]=${n}>>24;out[o+1]=${n}>>16;out[o+2]=${n}>>8;out[o+3]=${n};`
export const length = (bytes: number): string => `out[o]=0;out[o+1]=0;out[o+2]=0;out[o+3]=${bytes};`
export const int32 = (v: string): string => `${length(4)}out[o+4]=${v}>>24;out[o+5]=${v}>>16;out[o+6]=${v}>>8;out[o+7]=${v};o+=8;`
/** A safe integer as eight bytes. */
export const int64 = (v: string): string =>
  `{const hi=Math.floor(${v}/4294967296),lo=${v}-hi*4294967296;${length(8)}out[o+4]=hi>>24;out[o+5]=hi>>16;out[o+6]=hi>>8;out[o+7]=hi;
  out[o+8]=lo>>>24;out[o+9]=lo>>>16;out[o+10]=lo>>>8;out[o+11]=lo;o+=12;}`
export const writeNull = 'out[o]=255;out[o+1]=255;out[o+2]=255;out[o+3]=255;o+=4;'
