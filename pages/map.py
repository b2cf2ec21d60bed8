"""The page map, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/map.py."""

from curation.ui.pages.map import main

main()
