"""The page grow, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/grow.py."""

from curation.ui.pages.grow import main

main()
