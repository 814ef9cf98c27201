import sys
sys.path[:0]=['tests','src','tests/kit']
def test_x(client):
    from test_pages import wrong_cursors
    for c in wrong_cursors():
        a=client.get("/books", query_string={"cursor": c})
        if a.status_code!=422: print(repr(c[:80]), a.status_code)
    import base64,orjson
    for v in ("2026-01-01T00:00:00+00:00:00.000001",):
        cursor = base64.urlsafe_b64encode(orjson.dumps(["created_at", v, 5])).decode()
        a=client.get("/books", query_string={"sort":"created_at","cursor":cursor}); print(a.status_code,a.json)
