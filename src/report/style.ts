/** The page's style: one column on a phone, contents beside it on a wide screen, light or dark as the reader's system is. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#fbfbf9;--card:#ffffff;--ink:#1a1a1a;--soft:#55585e;--line:#dcdcd6;--link:#00568a;--pass:#00694d;--pass-ground:#e2f3ec;--fail:#a83f00;--fail-ground:#fbe9de;--open:#5c5c5c;--open-ground:#ededea;--node:#ffffff;--edge:#9a9da3;--shadow:0 1px 2px #0000000f,0 4px 16px #0000000a}
@media (prefers-color-scheme:dark){:root{--ground:#14161a;--card:#1c1f25;--ink:#e8e8e4;--soft:#a9adb6;--line:#343841;--link:#7cc4f5;--pass:#5fd6ae;--pass-ground:#12352b;--fail:#ff9d66;--fail-ground:#43240f;--open:#b9bcc4;--open-ground:#2a2e36;--node:#23272f;--edge:#737884;--shadow:none}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
body{margin:0;background:var(--ground);color:var(--ink);font:400 1.0625rem/1.55 "Source Sans 3",system-ui,sans-serif}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,button:focus-visible,summary:focus-visible,input:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
h1,h2,h3,h4{line-height:1.25;font-weight:600;margin:0 0 .5rem;text-wrap:balance}
h1{font-size:1.75rem}h2{font-size:1.4rem;padding-top:.5rem}h3{font-size:1.15rem}h4{font-size:1rem}
p{margin:0 0 .75rem;max-width:46rem}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:.25rem 0 .75rem;white-space:pre-wrap}
.skip{position:absolute;left:-99rem;top:0;background:var(--card);padding:.5rem 1rem;z-index:9}.skip:focus{left:0}
header,.frame,footer{max-width:84rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.75rem;padding-bottom:.25rem}
header p{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:0;list-style:none;color:var(--soft);font-size:.95rem}
nav{font-size:.95rem;margin:1rem 0}
nav ol{list-style:none;margin:0;padding:0}
nav>ol{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem}
nav li ol{display:none}
nav a{text-decoration:none;display:inline-block;padding:.3rem 0}
nav a:hover{text-decoration:underline}
main{min-width:0}
section{margin:0 0 2.5rem}
footer{color:var(--soft);font-size:.9rem;padding-bottom:2rem;border-top:1px solid var(--line);padding-top:1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow);padding:1rem 1.1rem;margin:0 0 1.25rem}
.card>:last-child,.scroll:last-child{margin-bottom:0}
.counts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:0 0 1.25rem;padding:0;list-style:none}
.counts li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.6rem .9rem;color:var(--soft);font-size:.95rem}
.counts strong{display:block;font-size:1.7rem;line-height:1.2;color:var(--ink);font-variant-numeric:tabular-nums}
.counts .pass strong{color:var(--pass)}.counts .fail strong{color:var(--fail)}
.verdict{display:inline-block;white-space:nowrap;border-radius:99px;padding:.02rem .6rem;font-size:.88rem;font-weight:600}
.verdict.pass{color:var(--pass);background:var(--pass-ground)}.verdict.fail{color:var(--fail);background:var(--fail-ground)}.verdict.not-testable{color:var(--open);background:var(--open-ground)}
.verdict.pass::before{content:"✓ "}.verdict.fail::before{content:"✗ "}.verdict.not-testable::before{content:"– "}
.soft{color:var(--soft)}.small{font-size:.92rem}
ul.plain{list-style:none;margin:0;padding:0}ul.plain li{padding:.3rem 0}
figure{margin:0 0 .75rem}
.paper{position:relative;background:#fff;color:#1a1a1a;border:1px solid var(--line);border-radius:8px;padding:.5rem;overflow-x:auto;text-align:center;color-scheme:light}
.paper .still,.paper svg.marks{max-width:100%;height:auto}
figure.full .paper .still,figure.full .paper svg.marks{max-width:none}
[data-state=interactive] .still,[data-state=plain] .still{display:none}
.drawing.vega-embed{padding:0;display:block;position:static}
.drawing.vega-embed summary{top:.4rem;right:.4rem}
.drawing.vega-embed .chart-wrapper.fit-x{width:auto}
figcaption{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;justify-content:space-between;color:var(--soft);font-size:.92rem;padding-top:.4rem}
button.size{display:none;font:inherit;font-size:.92rem;color:var(--link);background:none;border:1px solid var(--line);border-radius:6px;padding:.3rem .7rem;min-height:2.25rem}
button.size[aria-pressed=true]{background:var(--link);color:var(--card);border-color:var(--link)}
.by-touch{display:none}
@media (hover:none){.by-mouse{display:none}.by-touch{display:inline}}
@media (max-width:62rem){button.size:not([hidden]){display:inline-block}}
#vg-tooltip-element{background:#fff;color:#1a1a1a;border:1px solid #c9c9c4;border-radius:6px;box-shadow:0 2px 10px #0003;padding:.35rem .55rem;font:400 .9rem/1.4 "Source Sans 3",system-ui,sans-serif;position:fixed;visibility:hidden;z-index:1000;pointer-events:none;max-width:20rem}
#vg-tooltip-element.visible{visibility:visible}
#vg-tooltip-element table{width:auto;font-size:1em}#vg-tooltip-element th,#vg-tooltip-element td{border:0;padding:.05rem 0;line-height:1.35}#vg-tooltip-element th{font-weight:400;color:#55585e;text-align:left;padding-right:.75rem}#vg-tooltip-element td{font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;margin:0 0 1rem}
table{border-collapse:collapse;width:100%;font-size:.97rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .7rem .5rem 0;border-top:1px solid var(--line);overflow-wrap:break-word}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.9rem}
tbody th{font-weight:400}th[colspan]{text-align:center!important}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.absent{white-space:normal;min-width:6rem;color:var(--soft);font-size:.9rem}
table.values tbody th{min-width:8.5rem}
table.claims{table-layout:fixed}
table.claims col.statement{width:32%}table.claims col.value{width:23%}table.claims col.verdict-column{width:22%}
table.claims .why{color:var(--soft);font-size:.92rem;margin:.25rem 0 0}
tr[data-verdict=fail]>th{box-shadow:inset 3px 0 var(--fail);padding-left:.8rem}
fieldset{border:0;padding:0;margin:0 0 1rem;display:flex;flex-wrap:wrap;gap:.4rem 1.2rem}
fieldset[hidden]{display:none}legend{float:left;padding:0;margin-right:1rem;color:var(--soft)}
label{display:inline-flex;gap:.4rem;align-items:center;min-height:2rem}
details{border-top:1px solid var(--line);padding:.35rem 0}
.card>details:first-child{border-top:0}
details[open]{padding-bottom:.75rem}
summary{cursor:pointer;padding:.3rem 0;display:flex;flex-wrap:wrap;gap:.1rem 1rem;align-items:baseline}
summary::before{content:"▸";color:var(--soft);width:.7rem}details[open]>summary::before{content:"▾"}
.drawing summary::before{content:none}.drawing details{border:0;padding:0}
summary .end{margin-left:auto;color:var(--soft);font-size:.92rem;font-variant-numeric:tabular-nums}
.dag svg{display:block}
.dag .edge{fill:none;stroke:var(--edge);stroke-width:1.25}
.dag .node rect{fill:var(--node);stroke:var(--edge);stroke-width:1}
.dag .node .bar{fill:var(--link);stroke:none;opacity:.85}
.dag .node text{fill:var(--ink);font:600 13px "Source Sans 3",system-ui,sans-serif}
.dag .node text.time{fill:var(--soft);font-weight:400;font-size:12px}
.dag .node.stale rect.box{stroke-dasharray:4 3}
.dag a:hover rect.box,.dag a:focus rect.box{stroke:var(--link);stroke-width:2}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1rem;margin:.25rem 0 .75rem;font-size:.95rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
.pair h4{color:var(--soft);font-weight:600}
.notice{border-left:3px solid var(--fail);padding:.2rem 0 .2rem .8rem}
@media (min-width:75rem){
.frame{display:grid;grid-template-columns:13rem minmax(0,1fr);gap:2.5rem;align-items:start}
nav{position:sticky;top:1rem;max-height:calc(100vh - 2rem);overflow-y:auto;margin:.75rem 0}
nav>ol{display:block}nav>ol>li{margin-bottom:.35rem}nav>ol>li>a{font-weight:600}
nav li ol{display:block;padding-left:.9rem}nav li ol a{padding:.12rem 0}
}
@media (max-width:44rem){
h1{font-size:1.45rem}.card{padding:.8rem .8rem}
dl{grid-template-columns:minmax(0,1fr)}dd{padding-bottom:.35rem}
table.claims,table.claims tbody,table.claims tr,table.claims td,table.claims th{display:block;width:auto}
table.claims thead{position:absolute;left:-99rem}
table.claims tr{border-top:1px solid var(--line);padding:.7rem 0}
table.claims td,table.claims th{border:0;padding:.15rem 0}
table.claims td[data-label]::before{content:attr(data-label) ": ";color:var(--soft);font-size:.92rem}
table.claims tr[hidden]{display:none}
}
@media print{
nav,fieldset,button,figcaption,.drawing summary{display:none!important}
.card,.paper,tr{break-inside:avoid;box-shadow:none}.card:has(table.claims),.card.dag{break-inside:auto}
.scroll{overflow:visible}.dag svg{max-width:100%;height:auto}
table{font-size:.8rem}th,td{padding-right:.4rem}td.absent{min-width:0;font-size:.7rem}table.values tbody th{min-width:0}
}
`;
