# man: manual pages (mdoc)
