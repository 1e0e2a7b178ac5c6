//! Short message transfer layer, SM-TL (TS 23.040).
