"""The page data, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/data.py."""

from curation.ui.pages.data import main

main()
