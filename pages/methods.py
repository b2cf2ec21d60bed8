"""The page methods, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/methods.py."""

from curation.ui.pages.methods import main

main()
