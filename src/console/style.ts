/** The one style sheet. Colours are named once for light and once for dark, each pair of text and ground 4.5 : 1 or better. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#f3f5f8;--card:#fff;--text:#1b2430;--soft:#55606e;--line:#d9dfe7;--link:#0b5cad;--accent:#0b5cad;--on-accent:#fff;--code:#eef1f5;--hover:#e8eef6;
--good:#1a6b38;--good-b:#dff3e5;--bad:#a91622;--bad-b:#fde3e4;--odd:#7a4a00;--odd-b:#fdf0d5;--quiet:#46515f;--quiet-b:#e9edf2;
--info:#46515f;--info-b:#e6ebf0;--low:#0a5a8f;--low-b:#dcedf9;--medium:#7a4a00;--medium-b:#fdecc8;--high:#a03200;--high-b:#fde3d6;--critical:#fff;--critical-b:#b3121f;
--a:#2f7fd0;--b:#2a9d7c;--c:#d0782f;--d:#a5456f;--heat:47,127,208;--shadow:0 1px 2px #1b243012}
@media(prefers-color-scheme:dark){:root{--ground:#10151c;--card:#18202a;--text:#e4e9f0;--soft:#a3afbd;--line:#2b3644;--link:#7db8f5;--accent:#2670bd;--on-accent:#fff;--code:#0f151d;--hover:#22303f;
--good:#7fd69c;--good-b:#15351f;--bad:#ff9c9f;--bad-b:#451a1d;--odd:#f3c877;--odd-b:#3d2e10;--quiet:#b5c0cd;--quiet-b:#26313e;
--info:#b5c0cd;--info-b:#26313e;--low:#8fc8f2;--low-b:#12324a;--medium:#f3c877;--medium-b:#43310d;--high:#ffb08a;--high-b:#4a2412;--critical:#fff;--critical-b:#c01b28;
--a:#5aa5ee;--b:#4bbf9c;--c:#e99a55;--d:#d5739d;--heat:90,165,238;--shadow:none}}
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:4rem}
body{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:.15em;text-decoration-thickness:1px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
h1{font-size:1.45rem;line-height:1.25;margin:0;font-weight:650}
h2{font-size:1rem;margin:0;font-weight:650}
h2::first-letter,.facts dt::first-letter,.legend li::first-letter{text-transform:uppercase}
h3{font-size:.9rem;margin:1rem 0 .35rem;font-weight:650}
h3:first-child{margin-top:0}
p{margin:.4rem 0}
small{font-size:.82em;color:var(--soft)}
ul,ol{margin:.3rem 0;padding-left:1.3rem}
code,pre{font:.86em/1.45 ui-monospace,SFMono-Regular,Consolas,"DejaVu Sans Mono",monospace;background:var(--code);border-radius:4px}
code{padding:.1em .3em}
pre{padding:.6rem .75rem;margin:.4rem 0;overflow-x:auto;overflow-wrap:normal;white-space:pre}
pre code{padding:0}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:.5rem;top:-4rem;background:var(--card);padding:.5rem 1rem;z-index:9;border-radius:0 0 6px 6px}
.skip:focus{top:0}
.bar{display:flex;align-items:center;gap:.4rem 1.2rem;flex-wrap:wrap;padding:.4rem clamp(.75rem,2vw,2rem);background:var(--card);border-bottom:1px solid var(--line);position:sticky;top:0;z-index:5}
.brand{display:inline-flex;align-items:center;gap:.5rem;color:var(--text);font-weight:700;font-size:1.08rem;text-decoration:none;letter-spacing:.01em}
.mark{color:var(--accent);flex:none}
nav ul{list-style:none;margin:0;padding:0;display:flex;gap:.15rem;flex-wrap:wrap}
.bar nav{flex:1 1 auto;min-width:0}
.bar nav a{display:block;padding:.4rem .7rem;border-radius:6px;color:var(--soft);text-decoration:none;font-weight:500}
.bar nav a:hover{background:var(--hover);color:var(--text)}
.bar nav a[aria-current]{background:var(--hover);color:var(--link);font-weight:650}
.who{display:flex;align-items:center;gap:.35rem .9rem;flex-wrap:wrap;color:var(--soft);font-size:.9rem}
.who form{margin:0}
.site{font-weight:600;color:var(--text)}
main{max-width:1760px;margin:0 auto;padding:1rem clamp(.75rem,2vw,2rem) 3rem}
main:focus{outline:none}
.title{display:flex;align-items:center;gap:.8rem;flex-wrap:wrap;margin:.2rem 0 1rem}
.live{margin:0;font-size:.8rem;color:var(--soft);display:inline-flex;align-items:center;gap:.4rem}
.live:not(:empty)::before{content:"";width:.55rem;height:.55rem;border-radius:50%;background:var(--b)}
.live.gone{color:var(--bad);font-weight:600}
.live.gone::before{background:var(--bad)}
.news:empty{display:none}
.news{background:var(--odd-b);color:var(--odd);padding:.5rem .8rem;border-radius:6px}
.news a{color:inherit}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow);margin:0 0 1rem;min-width:0}
.card>header{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding:.7rem 1rem .5rem}
.card>div{padding:0 1rem .9rem}
.grid{display:grid;grid-template-columns:minmax(0,2fr) minmax(17rem,1fr);gap:0 1rem;align-items:start}
.grid>*{min-width:0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,32rem),1fr));gap:0 1.5rem}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr));gap:0 1.5rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,11.5rem),1fr));gap:.8rem;margin:0 0 1rem}
.tile{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--line);border-radius:10px;padding:.65rem .9rem .7rem;box-shadow:var(--shadow)}
.tile dt{color:var(--soft);font-size:.85rem}
.tile dd{margin:0;font-size:1.5rem;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}
.tile dd.note{font-size:.82rem;font-weight:400;color:var(--soft);line-height:1.4}
.tile.good{border-left-color:var(--b)}.tile.bad{border-left-color:var(--critical-b)}.tile.odd{border-left-color:var(--c)}
.tile.bad dd:not(.note){color:var(--bad)}.tile.good dd:not(.note){color:var(--good)}
.chip,.badge{display:inline-block;padding:.05rem .5rem;border-radius:99px;font-size:.78rem;font-weight:600;white-space:nowrap;line-height:1.5}
.badge{max-width:100%;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom}
td .plain{margin:0}td .plain>li:first-child{padding-top:0}
.chip.info{color:var(--info);background:var(--info-b)}.chip.low{color:var(--low);background:var(--low-b)}.chip.medium{color:var(--medium);background:var(--medium-b)}.chip.high{color:var(--high);background:var(--high-b)}.chip.critical{color:var(--critical);background:var(--critical-b)}
.badge.good{color:var(--good);background:var(--good-b)}.badge.bad{color:var(--bad);background:var(--bad-b)}.badge.odd{color:var(--odd);background:var(--odd-b)}.badge.quiet{color:var(--quiet);background:var(--quiet-b)}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.42rem .8rem .42rem 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.83rem;padding-top:0;white-space:nowrap}
tbody th{font-weight:600}
tbody tr:hover{background:linear-gradient(var(--hover),var(--hover)) 0/100% 100%}
.right{text-align:right}
.short>span{display:block;max-width:19rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
thead .short{white-space:nowrap}
td:last-child,th:last-child{padding-right:0}
.money{font-weight:650;white-space:nowrap}
.empty{color:var(--soft);font-style:italic}
.more{color:var(--soft)}
.plain,.stories,.alarms,.counts,.told{list-style:none;padding:0;margin:.2rem 0}
.plain>li{padding:.18rem 0}
.stories>li{padding:.45rem 0 .45rem .7rem;border-top:1px solid var(--line);border-left:3px solid var(--line)}
.stories>li:first-child{border-top:0}
.stories>li.critical{border-left-color:var(--critical-b)}.stories>li.high{border-left-color:var(--c)}.stories>li.medium{border-left-color:#d9a520}
.stories time{color:var(--soft);font-size:.85rem;white-space:nowrap}
.alarms{background:var(--bad-b);color:var(--text);border-radius:10px;padding:.5rem .9rem;margin:0 0 1rem}
.alarms li{padding:.25rem 0}
.counts{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;margin-bottom:.6rem}
.facts{margin:0;display:grid;gap:.35rem}
a.tile{color:inherit;text-decoration:none}
.facts>div{display:grid;grid-template-columns:minmax(6.5rem,30%) minmax(0,1fr);gap:.8rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0}
.headline{font-size:1.1rem;border-left:5px solid var(--line);padding:.15rem 0 .15rem .8rem;margin:.2rem 0 .5rem}
.headline.critical{border-left-color:var(--critical-b)}.headline.high{border-left-color:var(--c)}.headline.medium{border-left-color:#d9a520}
.lead{max-width:75ch;font-size:1.03rem}
.timeline{list-style:none;padding:0;margin:0 0 .6rem 4.6rem;border-left:2px solid var(--line)}
.timeline>li{position:relative;padding:.3rem 0 .3rem 1rem}
.timeline>li::before{content:"";position:absolute;left:-6px;top:.78rem;width:10px;height:10px;border-radius:50%;background:var(--card);border:2px solid var(--soft)}
.timeline>li.critical::before{background:var(--critical-b);border-color:var(--critical-b)}.timeline>li.high::before{background:var(--c);border-color:var(--c)}.timeline>li.decided::before{background:var(--a);border-color:var(--a)}.timeline>li.looked::before{background:var(--b);border-color:var(--b)}
.timeline>li>time{position:absolute;left:-4.9rem;width:4.2rem;color:var(--soft);font-size:.85rem;padding-top:.1rem;font-variant-numeric:tabular-nums}
.timeline .moment>div{color:var(--soft)}
details>summary{cursor:pointer;color:var(--link)}
.told{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.88rem;background:var(--code);border-radius:6px;padding:.5rem .7rem}
.told span{color:var(--soft)}
.met{font-weight:600}
.acts{display:flex;flex-wrap:wrap;gap:.5rem;margin:.8rem 0 1.1rem;align-items:flex-start}
button,.act>summary,.pager a,.tabs a{display:inline-block;font:inherit;font-weight:600;border:1px solid var(--line);background:var(--card);color:var(--text);border-radius:7px;padding:.4rem .85rem;min-height:2.3rem;cursor:pointer;text-decoration:none;list-style:none}
.act>summary::-webkit-details-marker{display:none}
button:hover,.act>summary:hover,.pager a:hover,.tabs a:hover{background:var(--hover)}
form button:not(.plain):not(.danger),.act.first>summary{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
form button:not(.plain):not(.danger):hover,.act.first>summary:hover{filter:brightness(.93)}
button.danger{background:#b3121f;border-color:#b3121f;color:#fff}
button.plain{font-weight:500;padding:.2rem .6rem;min-height:0}
.act[open]{background:var(--card);border:1px solid var(--line);border-radius:9px;padding:.4rem;flex:1 1 20rem;max-width:34rem}
.sheet{padding:.5rem .3rem .2rem}
.field{margin:.35rem 0;display:flex;flex-direction:column;gap:.15rem}
.field label{font-size:.84rem;color:var(--soft)}
input,select{font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:7px;padding:.38rem .6rem;min-height:2.3rem;width:100%;min-width:0}
.filters,.row{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:flex-end;margin:.2rem 0 .9rem}
.filters .field,.row .field{margin:0;flex:1 1 9rem}
.filters .grow{flex:3 1 14rem}
.pager{display:flex;justify-content:flex-end;gap:.5rem;margin-top:.8rem}
.tabs{display:flex;flex-wrap:wrap;gap:.4rem}
.tabs a{font-weight:500}
.tabs a[aria-current]{background:var(--hover);color:var(--link);border-color:var(--link)}
.flash{padding:.6rem .9rem;border-radius:8px;font-weight:600}
.flash.done{background:var(--good-b);color:var(--good)}.flash.failed{background:var(--bad-b);color:var(--bad)}
svg{max-width:100%;height:auto}
.chart{margin:0 0 1.2rem}
.chart svg{display:block;width:100%}
.chart figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;align-items:baseline}
.chart h3{margin:.2rem 0}
.legend{list-style:none;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:0 1rem;font-size:.85rem;color:var(--soft)}
.swatch{display:inline-block;width:.75rem;height:.75rem;border-radius:3px;margin-right:.35rem;vertical-align:-.05rem}
.swatch.a{background:var(--a)}.swatch.b{background:var(--b)}.swatch.c{background:var(--c)}.swatch.d{background:var(--d)}.swatch.source{background:var(--c)}.swatch.target{background:var(--a)}
.fill.a{fill:var(--a)}.fill.b{fill:var(--b)}.fill.c{fill:var(--c)}.fill.d{fill:var(--d)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.a{stroke:var(--a)}.line.b{stroke:var(--b)}.line.c{stroke:var(--c)}.line.d{stroke:var(--d)}
.rule{stroke:var(--line);stroke-width:1}
.tick{fill:var(--soft);font-size:12px}
.chart .tick{font-size:17px}
.spark{width:96px;height:20px;vertical-align:middle}
.scroll{overflow-x:auto}
.heat{display:block;min-width:520px;width:100%;max-width:900px}
.h0{fill:var(--code)}
.h1{fill:rgba(var(--heat),.14)}.h2{fill:rgba(var(--heat),.25)}.h3{fill:rgba(var(--heat),.37)}.h4{fill:rgba(var(--heat),.49)}.h5{fill:rgba(var(--heat),.61)}.h6{fill:rgba(var(--heat),.74)}.h7{fill:rgba(var(--heat),.87)}.h8{fill:rgb(var(--heat))}
.map{display:block;width:100%;border-radius:8px;background:var(--code)}
.land{stroke-width:.6}.land.source{fill:var(--c);fill-opacity:.5;stroke:var(--c)}.land.target{fill:var(--a);fill-opacity:.5;stroke:var(--a)}
.spot{stroke:var(--card);stroke-width:1.2}.spot.source{fill:var(--c)}.spot.target{fill:var(--a)}.spot.home{fill:var(--b)}
.bow{fill:none;stroke-width:1.4;stroke-dasharray:4 3}.bow.source{stroke:var(--c)}.bow.target{stroke:var(--a)}
.book{display:grid;grid-template-columns:13rem minmax(0,1fr);gap:1rem;align-items:start}
.toc{position:sticky;top:4.5rem;max-height:calc(100vh - 6rem);overflow-y:auto;font-size:.9rem}
.toc ul{flex-direction:column}
.toc a{display:block;padding:.15rem .4rem;text-decoration:none}
pre.settings{white-space:pre-wrap;overflow-wrap:anywhere}
.remark{color:var(--soft)}
.key{color:var(--link)}
.numbers{margin:0 0 1rem}
.digest{overflow-wrap:anywhere}
.bare main{max-width:24rem;margin:8vh auto 0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.5rem 1.6rem 1.8rem;box-shadow:var(--shadow)}
.bare .brand{margin:0 0 1rem}
.bare button{width:100%;margin-top:.6rem}
@media(min-width:2200px){body{font-size:18px}main{max-width:2400px}}
@media(min-width:3200px){body{font-size:22px}main{max-width:3200px}}
@media(max-width:900px){.grid,.book{display:block}.toc{position:static;max-height:none}.toc ul{flex-direction:row}.bar{position:static}html{scroll-padding-top:1rem}}
@media(max-width:640px){
.bar nav{order:3;flex-basis:100%}
.bar nav a{padding:.35rem .55rem}
.tiles{grid-template-columns:1fr 1fr;gap:.5rem}
.tile{padding:.5rem .65rem}.tile dd{font-size:1.25rem}
table,tbody,tr,td,th{display:block;width:100%}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{border-top:1px solid var(--line);padding:.5rem 0}
tbody tr:first-child{border-top:0}
td,tbody th{border:0;padding:.08rem 0;display:grid;grid-template-columns:6.5rem minmax(0,1fr);gap:.6rem;text-align:left}
td.right{text-align:left}
.short>span{white-space:normal;max-width:none}
td::before,tbody th::before{content:attr(data-label);color:var(--soft);font-weight:400;font-size:.85rem}
.facts>div{grid-template-columns:1fr;gap:0}
.facts>div+div{padding-top:.2rem}
.timeline{margin-left:0}.timeline>li>time{position:static;display:block;width:auto}
.chart .tick{font-size:22px}
.card>header,.card>div{padding-left:.75rem;padding-right:.75rem}
}
@media(prefers-reduced-motion:no-preference){.live:not(.gone):not(:empty)::before{animation:beat 2s infinite}@keyframes beat{50%{opacity:.35}}}
@media(forced-colors:active){.chip,.badge,.swatch{border:1px solid}}
@media print{.bar,.acts,.filters,.pager,.skip{display:none}}
`;
