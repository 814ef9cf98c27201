"""What a role may do beyond what every member may: with what is their own."""

from mediatheque.kit.access import Permission

GRANTED: dict[str, frozenset[Permission]] = {
    "member": frozenset(),
    "admin": frozenset(Permission),
}
