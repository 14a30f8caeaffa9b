import type { Column } from '#core/columns/column.ts'
import type { TimeWindow } from '#core/values/field-encoder.ts'
import { arrayCode } from './scan-array.ts'
import { oneOf, type Style, text } from './scan-text.ts'
import type { ValueCode } from './scan-value.ts'
import { giveUp, int32, int64, length } from './scan-write.ts'

/**
 * Code that reads one value at `p` and writes one binary COPY field at `o`, for the compiled scanners.
 *
 * It takes the plain form of a value only and gives up (`return -1`) on everything else: anything wrong, and what is rare. The general
 * parser then decides. So a scanner may be as narrow as it likes, but where it answers, its bytes are the general parser's:
 * `test/unit/core/scanner.test.ts` holds them together.
 *
 * Names in the code: `b` input, `p` place in it, `c` a byte; `out` output, `o` place in it; `stop` the byte that ends a text; `quoted` true
 * for a CSV field, an element of a literal, or a number of JSON, in quotes; functions are those of scan-tools.ts and the other scan-*.ts.
 */
export function valueCode(column: Column, window: TimeWindow | undefined, style: Style): ValueCode {
  switch (column.type) {
    case 'smallint':
      return { quoted: 'never', code: whole(2, 32767) }
    case 'integer':
      return { quoted: 'never', code: whole(4, 2147483647) }
    case 'bigint':
      return { quoted: 'maybe', code: bigint(style) }
    case 'numeric':
      return { quoted: 'maybe', code: numeric(column) }
    case 'real':
      return {
        quoted: 'never',
        code: `${double}const s=Math.fround(v);if(s===0&&v!==0||s-s!==0)${giveUp};${length(4)}writeFloat(s,out,o+4);o+=8;`,
      }
    case 'double precision':
      return { quoted: 'never', code: `${double}${length(8)}writeDouble(v,out,o+4);o+=12;` }
    case 'boolean':
      return { quoted: 'never', code: style === 'json' ? boolean : shortBoolean }
    case 'text':
      return { quoted: 'always', code: text(column.max, style) }
    case 'uuid':
      return { quoted: 'always', code: uuid }
    case 'date':
      return { quoted: 'always', code: `${readDate}${inWindow('day * 86400000000', window)}${int32('day')}` }
    case 'timestamp':
    case 'timestamptz':
      return { quoted: 'always', code: moment(column.type === 'timestamptz', window) }
    case 'jsonb':
      return { quoted: 'never', code: style === 'literal' ? `${giveUp};` : fieldInside(style, writtenBy('jsonb')) }
    case 'bytea':
      return { quoted: 'always', code: writtenBy('base64') }
    case 'enum':
      return { quoted: 'always', code: oneOf(column.values ?? [], style) }
    case 'array':
      return { quoted: 'never', code: fieldInside(style, array(column.element!, style)) }
  }
}

/** Calls a function that reads a value and writes its whole field. */
const writtenBy = (reader: 'jsonb' | 'base64'): string => `p=${reader}(b,p,out,o);if(p<0)${giveUp};o=written.end;`

/** Code that reads a value with quotes inside: these are doubled in a CSV field, so there it reads a copy where they are not. */
const fieldInside = (style: Style, code: string): string =>
  typeof style === 'string'
    ? code
    : `p=fieldText(b,p,quoted,${style.delimiter},${style.quote});{const b=field.bytes;let p=0;${code}if(p!==field.end)${giveUp};}`

function array(element: Column, style: Style): string {
  const as = (style: 'json' | 'literal'): string => arrayCode(element, valueCode(element, undefined, style), style)
  return style === 'json' ? as('json') : `if(b[p]===91){${as('json')}}else{${as('literal')}}`
}

/** An optional sign and digits without leading zero into `v`; `q` is where they began. More than 15 of them may not be exact. */
const readDigits = `let v=0,neg=false;if(b[p]===45){neg=true;p++;}const q=p;while((c=b[p]-48)>=0&&c<=9){v=v*10+c;p++;}
  if(p===q||(b[q]===48&&p-q>1))${giveUp};`
const fewDigits = `${readDigits}if(p-q>15)${giveUp};`

/** -0 is 0; the smallest number of a type is left to the general parser. */
const negate = 'if(neg)v=v===0?0:-v;'

const whole = (bytes: 2 | 4, max: number): string =>
  `${fewDigits}if(v>${max})${giveUp};${negate}${bytes === 2 ? `${length(2)}out[o+4]=v>>8;out[o+5]=v;o+=6;` : int32('v')}`

/** Up to 18 digits; in JSON so many only in quotes. */
function bigint(style: Style): string {
  const tooMany = style === 'json' ? 'p-q>18||!quoted' : 'p-q>18'
  return `${readDigits}if(p-q>15){if(${tooMany})${giveUp};o=manyDigits(b,q,p,neg,out,o);}else{${negate}${int64('v')}}`
}

/** Up to 15 digits before the point and 12 behind it, no exponent. */
function numeric({ precision, scale = 0 }: Column): string {
  const bound = precision === undefined ? '' : `if(p-q-(v===0?1:0)>${precision - scale})${giveUp};`
  const read = `let f=0,n=0;if(b[p]===46){p++;const r=p;while((c=b[p]-48)>=0&&c<=9){f=f*10+c;p++;}n=p-r;if(n===0||n>12)${giveUp};}`
  const places = precision === undefined ? '' : `if(n>${scale})${giveUp};`
  return `${fewDigits}${bound}${read}${places}o=numeric(neg,v,f,n,${precision === undefined ? 'n' : scale},out,o);`
}

/**
 * Up to 15 digits and 22 of them behind the point: the quotient of two exact doubles is the nearest one (Clinger 1990, the fast path).
 * Longer ones and those with an exponent are read as JSON.parse reads them; a zero that may have been another number is not taken.
 */
const double = `let v=0;{const a=p;let neg=false,n=0,f=0;if(b[p]===45){neg=true;p++;}const q=p;while((c=b[p]-48)>=0&&c<=9){v=v*10+c;p++;}n=p-q;
  if(b[p]===46){p++;const r=p;while((c=b[p]-48)>=0&&c<=9){v=v*10+c;p++;}f=p-r;if(f===0)${giveUp};}
  if(n===0||(b[q]===48&&n>1))${giveUp};
  if(n+f>15||b[p]===101||b[p]===69){p=numberEnd(b,a);if(p<0)${giveUp};v=double(b,a,p);if(v===0||v-v!==0)${giveUp};}
  else{if(f>0)v/=powers[f];if(neg)v=-v;}}`

const boolean = `const yes=b[p]===116&&b[p+1]===114&&b[p+2]===117&&b[p+3]===101;
  if(!yes&&!(b[p]===102&&b[p+1]===97&&b[p+2]===108&&b[p+3]===115&&b[p+4]===101))${giveUp};
  p+=yes?4:5;${length(1)}out[o+4]=yes?1:0;o+=5;`
/** As above, and `t` and `f`. */
const shortBoolean = `if((b[p]===116||b[p]===102)&&!(b[p+1]>=97&&b[p+1]<=122)){${length(1)}out[o+4]=b[p]===116?1:0;o+=5;p++;}else{${boolean}}`

const uuid = `${length(16)}o+=4;for(let i=0;i<36;i++){if(i===8||i===13||i===18||i===23){if(b[p+i]!==45)${giveUp};continue;}
  const h=hex[b[p+i]],l=hex[b[p+i+1]];if(!(h<16&&l<16))${giveUp};out[o++]=h<<4|l;i++;}p+=36;`

/** `YYYY-MM-DD` into `day`. */
const readDate = `const d0=b[p]-48,d1=b[p+1]-48,d2=b[p+2]-48,d3=b[p+3]-48,m0=b[p+5]-48,m1=b[p+6]-48,e0=b[p+8]-48,e1=b[p+9]-48;
  if(!(d0>=0&&d0<=9&&d1>=0&&d1<=9&&d2>=0&&d2<=9&&d3>=0&&d3<=9&&m0>=0&&m0<=1&&m1>=0&&m1<=9&&e0>=0&&e0<=3&&e1>=0&&e1<=9)||b[p+4]!==45||b[p+7]!==45)${giveUp};
  const ymd=((d0*1000+d1*100+d2*10+d3)*100+m0*10+m1)*100+e0*10+e1;
  if(ymd!==dates.last){const found=dayOf(d0*1000+d1*100+d2*10+d3,m0*10+m1,e0*10+e1);if(found===undefined)${giveUp};dates.last=ymd;dates.day=found;}
  const day=dates.day;p+=10;`

/** Where an offset is demanded: `Z`, or `+HH:MM` into `east`, minutes. */
const readZone = `let east=0;if(b[p]===90)p++;else{const sign=b[p]===43?1:b[p]===45?-1:0,z0=b[p+1]-48,z1=b[p+2]-48,z2=b[p+4]-48,z3=b[p+5]-48;
  if(sign===0||b[p+3]!==58||!(z0>=0&&z0<=1&&z1>=0&&z1<=9&&z2>=0&&z2<=5&&z3>=0&&z3<=9)||z0*10+z1>15)${giveUp};
  east=sign*((z0*10+z1)*60+z2*10+z3);p+=6;}`

/** Date, `T` or a space, time with up to six decimals, and the offset where one is demanded. */
function moment(zone: boolean, window: TimeWindow | undefined): string {
  return `${readDate}if(b[p]!==84&&b[p]!==32)${giveUp};
  const h0=b[p+1]-48,h1=b[p+2]-48,i0=b[p+4]-48,i1=b[p+5]-48,s0=b[p+7]-48,s1=b[p+8]-48;
  if(!(h0>=0&&h0<=2&&h1>=0&&h1<=9&&i0>=0&&i0<=5&&i1>=0&&i1<=9&&s0>=0&&s0<=5&&s1>=0&&s1<=9)||h0*10+h1>23||b[p+3]!==58||b[p+6]!==58)${giveUp};
  p+=9;let us=0;if(b[p]===46){p++;const r=p;while((c=b[p]-48)>=0&&c<=9){us=us*10+c;p++;}const f=p-r;if(f===0||f>6)${giveUp};us*=powers[6-f];}
  ${zone ? readZone : ''}
  if(day>100000||day<-100000)${giveUp};
  const t=day*86400000000+((h0*10+h1)*3600+(i0*10+i1)*60+s0*10+s1)*1000000+us${zone ? '-east*60000000' : ''};${inWindow('t', window)}${int64('t')}`
}

const inWindow = (v: string, window: TimeWindow | undefined): string =>
  window === undefined ? '' : `if(${v}<${window.from}||${v}>=${window.to})${giveUp};`
