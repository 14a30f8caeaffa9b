import { giveUp, lengthOf } from './scan-write.ts'

/** How a value is written: in JSON, as a CSV field, or as an element of an array literal, which is how Postgres writes arrays. */
export type Style = 'json' | 'literal' | CsvStyle
/** The bytes of a dialect. */
interface CsvStyle {
  readonly delimiter: number
  readonly quote: number
}

/** The loop ends at `stop`, or at the first byte that it does not take: whatever must follow the text is then not there. */
export function text(max: number | undefined, style: Style): string {
  const [plain, more] = textBytes(style)
  const bound = max === undefined ? '' : `if(n-k>${max})${giveUp};`
  return `let w=o+4,k=0;for(;;){c=b[p];if(${plain}){out[w++]=c;p++;continue;}
  ${more}if(!(c>=194&&c<=244))break;const m=multibyte(b,p);if(m===0)break;for(let i=0;i<m;i++)out[w+i]=b[p+i];p+=m;w+=m;k+=m-1;}
  const n=w-o-4;${bound}${lengthOf('n')}o=w;`
}

/** The condition for a byte that is written as it is, and code for the others that are ASCII. */
function textBytes(style: Style): [string, string] {
  if (style === 'json')
    return ['c>=32&&c<128&&c!==34&&c!==92', 'if(c===92){const u=escaped(b,p,out,w);if(u===0)break;p+=u>>3;w+=u&7;k+=(u&7)-1;continue;}']
  // Without quotes only ASCII, and neither white space nor what means something in a literal
  if (style === 'literal') return ['(quoted?c>=32&&c<128&&c!==34:c>44&&c<123)&&c!==92', 'if(!quoted)break;']
  const { quote } = style
  const tab = quote === 9 ? '' : 'if(c===9&&stop!==9){out[w++]=9;p++;continue;}'
  return [`c>=32&&c<128&&c!==${quote}&&c!==stop`, `if(c===${quote}&&quoted&&b[p+1]===${quote}){out[w++]=${quote};p+=2;continue;}${tab}`]
}

/** The longest of the declared texts that begins at `p`. Those that this style writes in another way, or could, are left out. */
export function oneOf(values: readonly string[], style: Style): string {
  const odd =
    style === 'json' ? ['"'] : style === 'literal' ? [...' {}",'] : [style.quote, style.delimiter].map((c) => String.fromCharCode(c))
  const texts = values.filter((value) => value.trim() === value && !odd.some((c) => value.includes(c)))
  const byFirst = Map.groupBy(texts, (value) => Buffer.from(value)[0])
  const word = (value: string): string => `wordEnd(b,p,${JSON.stringify(Buffer.from(value).toString('latin1'))})`
  const cases = Array.from(byFirst, ([first, group]) => `case ${first}:e=Math.max(${group.map(word).join()});break;`)
  return `let e=-1;switch(b[p]){${cases.join('')}}if(e<0)${giveUp};{const n=e-p;${lengthOf('n')}o+=4;}while(p<e)out[o++]=b[p++];`
}
