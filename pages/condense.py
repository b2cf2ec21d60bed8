"""The page condense, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/condense.py."""

from curation.ui.pages.condense import main

main()
