import type { Column } from '#core/columns/column.ts'
import { elementOid } from '#core/values/type-oid.ts'
import { jsonCode, type ValueCode } from './scan-value.ts'
import { giveUp, writeNull } from './scan-write.ts'

/**
 * Code for an array, `[1,2]` in JSON or `{1,2}` as Postgres writes it, with or without a space before each element.
 * @param value code for its elements in the same style
 */
export function arrayCode(element: Column, value: ValueCode, style: 'json' | 'literal'): string {
  const [open, close] = style === 'json' ? [91, 93] : [123, 125]
  const read = style === 'json' ? jsonCode(value) : value.quoted === 'never' ? value.code : quotesOrNot(value.code)
  return `if(b[p]!==${open})${giveUp};p++;const head=o;o+=24;let count=0,nulls=0;
  if(b[p]===${close})p++;else for(;;){if(b[p]===32)p++;
  if(${isNull[style]}){${element.nullable ? `p+=4;nulls=1;${writeNull}` : `${giveUp};`}}else{${read}}count++;
  if(b[p]===44){p++;continue;}if(b[p]!==${close})${giveUp};p++;break;}
  o=arrayHead(out,head,o,count,nulls,${elementOid(element)});`
}

const isNull = {
  json: 'b[p]===110&&b[p+1]===117&&b[p+2]===108&&b[p+3]===108',
  // In any case; a text may begin with these letters
  literal: '(b[p]|32)===110&&(b[p+1]|32)===117&&(b[p+2]|32)===108&&(b[p+3]|32)===108&&((c=b[p+4])===44||c===125)',
}

/** An element of nothing is an empty text only when it stands in quotes. */
const quotesOrNot = (code: string): string =>
  `const quoted=b[p]===34,first=p;if(quoted)p++;{${code}}if(quoted){if(b[p]!==34)${giveUp};p++;}else if(p===first)${giveUp};`
