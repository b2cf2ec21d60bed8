"""The page export, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/export.py."""

from curation.ui.pages.export import main

main()
