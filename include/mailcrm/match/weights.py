"""How much each piece of evidence counts, with the reasons; and the version of all rules.

A score is the sum of the weights. From `MATCH_AT` on, evidence links by itself; from `REVIEW_AT`
on, a person is asked; below, nothing is offered. No sum without an address or a company domain
in it reaches `MATCH_AT`: a name is easy to share and easy to fake.
"""

__all__ = [
    "ADDRESS_EVIDENCE",
    "IDENTIFYING_EVIDENCE",
    "MATCH_AT",
    "REVIEW_AT",
    "RULE_VERSION",
    "WEIGHTS",
]

RULE_VERSION = "2026.1"

MATCH_AT = 0.9
REVIEW_AT = 0.25

WEIGHTS: dict[str, float] = {
    # The address itself. One owner per address is the rule; a shared one is ambiguous anyway.
    "exact_address": 0.95,  # the contact's primary address
    "secondary_address": 0.94,  # another address that somebody put into the CRM
    "canonical_address": 0.92,  # the same inbox by rules that the provider documents
    "subaddress": 0.50,  # a plus tag where the provider's rule is unknown; links with a unique name
    # The name. Homonyms and display-name spoofs are real, so never enough alone.
    "unique_name": 0.50,  # exactly one contact has it
    "shared_name": 0.30,  # several contacts have it
    "name_variant": 0.30,  # first and last name agree, middle names or initials do not
    "name_agrees": 0.02,  # beside an address: shown, hardly needed
    "name_of_local_part": 0.30,  # no display name, but first.last before the @
    # What supports a name. One support asks with a good reason; it takes two to link, and one of
    # them the company's own domain, because colleagues and doubles of a contact share the rest.
    "company_domain": 0.37,  # same registrable domain, not a free-mail or shared one
    "conversation": 0.10,  # the contact is in this conversation; a hijacker would be too
    "same_local_part": 0.01,  # look-alike addresses copy it, so it stays a hint
    # How the sender came here.
    "list_reply_to": 0.00,  # a list rewrote From; the author is in Reply-To
    "relay_reply_to": -0.50,  # "X via Y": anybody may write that; ask
    "auth_pass": 0.03,  # a trusted server vouches for the sender's domain
    "auth_none": 0.00,  # no trusted server said anything: neutral, shown
    "auth_fail": -0.60,  # a trusted server says that it is not he: ask at best
    "unclear_from": -0.30,  # two From fields or addresses, none, or an unreadable one: ask
    "name_holds_other_address": -0.50,  # "alice@a.example" <bob@b.example>
    "namesake": -0.10,  # another contact has this very name: the inbox rule alone must not choose
    "lookalike_domain": -0.10,  # one letter off the contact's own domain
    "disposable_domain": -0.20,  # an address made to be thrown away
}

ADDRESS_EVIDENCE = frozenset({"exact_address", "secondary_address", "canonical_address"})
IDENTIFYING_EVIDENCE = ADDRESS_EVIDENCE | {
    "subaddress",
    "unique_name",
    "shared_name",
    "name_variant",
    "name_of_local_part",
}
