"""Pages with nothing but what a test puts on them."""

SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="45pt" viewBox="0 0 90 45"></svg>'


def write(folder, name, body, head="<title>One — Small book</title>"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head>{head}</head>'
        f"<body><main><article>{body}</article></main></body></html>"
    )
    return path
